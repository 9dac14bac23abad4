"""A user of the API with a stop-watch."""

import itertools
import json
import time
from dataclasses import dataclass
from typing import Any, Self

import httpx

from bench.stack import Stack

NEAR_THE_END = 0.05
"""Seconds between polls when nearly all rows are settled: a poll takes two or three milliseconds of CPU."""

_names = itertools.count(int(time.time()))


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds from the moment the POST began."""

    answered: float
    """When 202 was there."""
    finished: float
    """When ``GET /imports/{id}`` said FINISHED."""
    view: dict[str, Any]
    """That answer."""


class Client:
    """Uploads files for one company's account."""

    def __init__(self, stack: Stack, *, company_id: int = 1, user_id: int = 1, account_id: int = 1) -> None:
        headers = {"Authorization": f"Bearer {stack.token(company_id=company_id, user_id=user_id)}"}
        self._http = httpx.Client(base_url=stack.api_url, headers=headers, timeout=600)
        self._account_id = account_id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def post(self, file: bytes, name: str = "leads.csv") -> int:
        """Upload a file; return the import's id."""
        data = {"name": f"Bench {next(_names)}", "account_id": self._account_id, "source_id": 1}
        answer = self._http.post("/import", files={"file": (name, file)}, data={"data": json.dumps(data)})
        if answer.status_code != httpx.codes.ACCEPTED:
            raise RuntimeError(f"{answer.status_code}: {answer.text[:500]}")
        return int(answer.json()["id"])

    def get(self, import_id: int) -> dict[str, Any]:
        answer: dict[str, Any] = self._http.get(f"/imports/{import_id}").raise_for_status().json()
        return answer

    def run(self, file: bytes, *, rows: int, name: str = "leads.csv", poll_seconds: float = 0.05) -> Timing:
        """Upload a file, wait until its import ended, and check that every row became a lead."""
        began = time.perf_counter()
        import_id = self.post(file, name)
        answered = time.perf_counter() - began
        while (view := self.get(import_id))["status"] == "PROCESSING":
            # Near the end more often: half of a long pause would be counted as the import's time.
            near = view["progress"]["percent"] > 95
            time.sleep(min(poll_seconds, NEAR_THE_END) if near else poll_seconds)
        finished = time.perf_counter() - began
        if view["status"] != "FINISHED" or view["total_created"] != rows:
            raise RuntimeError(f"not every row became a lead: {view}")
        return Timing(answered=answered, finished=finished, view=view)
