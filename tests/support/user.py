"""A user of Leadflow as the tests play one: files to upload, uploads, and waiting for what becomes of them."""

import csv
import io
import itertools
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import openpyxl

from examples.people import check_digit
from tests.support.platform import Tenant
from tests.support.stack import ROOT
from tests.support.waiting import eventually

COLUMNS = ("name", "phone", "cpf", "email", "tags")
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ERROR_TABLE = ROOT / "docs" / "reference" / "errors.md"

_numbers = itertools.count()


def new_phones(count: int) -> list[str]:
    """Return Brazilian mobiles that no other test uses, as they are stored: DDD, 9, eight digits."""
    return [f"119{80_000_000 + next(_numbers)}" for _ in range(count)]


def old_form(phone: str) -> str:
    """Return a mobile without its ninth digit, as old patients and chats hold it."""
    return phone[:2] + phone[3:]


def cpf_of(phone: str) -> str:
    """Return a CPF with right check digits (modulo 11) that follows from a phone."""
    digits = f"{int(phone[-9:]):09d}"
    digits += check_digit(digits)
    return digits + check_digit(digits)


def lead_rows(phones: Iterable[str], tags: str = "") -> list[list[str]]:
    return [[f"Lead {phone}", phone, "", "", tags] for phone in phones]


def csv_file(rows: Iterable[Sequence[str]], header: Sequence[str] = COLUMNS) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def xlsx_file(rows: Iterable[Sequence[object]], header: Sequence[str] = COLUMNS) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for cells in [header, *rows]:
        sheet.append(list(cells))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the problem of a refusal after checking what every refusal promises."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].split(";")[0] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["status"], body["code"]) == (status, code), body
    assert all(isinstance(body[member], str) and body[member] for member in ("type", "title", "detail"))
    for error in body.get("errors", []):
        assert error["code"]
        assert error["message"]
    wait = response.headers.get("retry-after")
    assert body.get("retry_after") == (None if wait is None else int(wait))
    # These differ from answer to answer: without them two answers that say the same are equal.
    assert body.pop("request_id") == response.headers["x-request-id"]
    assert body.pop("trace_id") == response.headers["x-trace-id"]
    assert f"`{code}`" in ERROR_TABLE.read_text(), f"docs/reference/errors.md does not list {code}"
    return body


@dataclass(frozen=True, slots=True)
class User:
    """Calls the API as the tenant's first user."""

    http: httpx.AsyncClient
    tenant: Tenant

    async def upload(
        self, file: bytes, *, file_name: str = "leads.csv", content_type: str = "text/csv", **data: Any
    ) -> httpx.Response:
        """POST a file with valid data, changed (None leaves a field out)."""
        return await self.http.post(
            "/import",
            files={"file": (file_name, file, content_type)},
            data={"data": json.dumps(self.tenant.data(**data))},
            headers=self.tenant.headers(),
        )

    async def preview(self, file: bytes, *, file_name: str = "leads.csv", **data: Any) -> httpx.Response:
        """POST a file to be previewed, with what an import needs less its name, changed."""
        wanted = {name: value for name, value in self.tenant.data().items() if name != "name"} | data
        return await self.http.post(
            "/import/preview",
            files={"file": (file_name, file, "text/csv")},
            data={"data": json.dumps(wanted)},
            headers=self.tenant.headers(),
        )

    async def previewed(self, file: bytes, **changes: Any) -> dict[str, Any]:
        """Preview what can be previewed; return the answer."""
        response = await self.preview(file, **changes)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def accept(self, file: bytes, **changes: Any) -> int:
        """Upload what must be accepted; return the import's id."""
        response = await self.upload(file, **changes)
        assert response.status_code == 202, response.text
        import_id: int = response.json()["id"]
        return import_id

    async def run(self, file: bytes, **changes: Any) -> dict[str, Any]:
        """Upload what must be accepted and wait for its end; return the import."""
        return await self.ended(await self.accept(file, **changes))

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(path, params=query or None, headers=self.tenant.headers())

    async def post(self, path: str) -> httpx.Response:
        """POST without a body."""
        return await self.http.post(path, headers=self.tenant.headers())

    async def delete(self, import_id: int) -> httpx.Response:
        return await self.http.delete(f"/imports/{import_id}", headers=self.tenant.headers())

    async def read(self, import_id: int) -> dict[str, Any]:
        response = await self.get(f"/imports/{import_id}")
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def ended(self, import_id: int, *, seconds: float = 30.0) -> dict[str, Any]:
        """Wait until the import is not PROCESSING; return it. Its totals add up."""

        async def look() -> dict[str, Any] | None:
            found = await self.read(import_id)
            return None if found["status"] == "PROCESSING" else found

        found = await eventually(look, seconds=seconds, what=f"the end of import {import_id}")
        assert sum(totals(found)) == found["total_rows"], found
        return found

    async def rows(self, import_id: int, **query: Any) -> list[dict[str, Any]]:
        """Return all rows that did not become leads, page by page."""
        items: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            response = await self.get(f"/imports/{import_id}/rows", limit=500, **query, **cursor)
            assert response.status_code == 200, response.text
            page = response.json()
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = {"cursor": page["next"]}


def totals(found: dict[str, Any]) -> tuple[int, int, int]:
    """Return created, existing, errors of an import or of its finished event."""
    return found["total_created"], found["total_existing"], found["total_errors"]


NewUser = Callable[[], Awaitable[User]]
