"""A user of the API with a stop-watch."""

import itertools
import json
import time
from dataclasses import dataclass
from typing import Any, Self

import httpx

from bench.stack import Stack

_names = itertools.count(int(time.time()))


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds from the moment the POST began."""

    answered: float
    """When 202 was there."""
    finished: float
    """When the import's stream of events said that it has ended."""


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

    def reasons(self, import_id: int) -> dict[int, str]:
        """Return why rows did not become leads, by their numbers."""
        found: dict[int, str] = {}
        cursor: str | None = ""
        while cursor is not None:
            given = {"limit": "500"} | ({"cursor": cursor} if cursor else {})
            page = self._http.get(f"/imports/{import_id}/rows", params=given).raise_for_status().json()
            found |= {row["row"]: row["reason"] for row in page["items"]}
            cursor = page["next"]
        return found

    def run(self, file: bytes, *, rows: int, name: str = "leads.csv") -> Timing:
        """Upload a file, follow its import's events to the end, and check that every row became a lead.

        As a page does: asking again and again takes the time of what is asked about.
        """
        began = time.perf_counter()
        import_id = self.post(file, name)
        answered = time.perf_counter() - began
        with self._http.stream("GET", f"/imports/{import_id}/events") as events:
            if not any(line == "event: lead:import-finished" for line in events.iter_lines()):
                raise RuntimeError("the stream of events broke off")
        finished = time.perf_counter() - began
        view = self.get(import_id)
        if view["status"] != "FINISHED" or view["total_created"] != rows:
            raise RuntimeError(f"not every row became a lead: {view}")
        return Timing(answered=answered, finished=finished)
