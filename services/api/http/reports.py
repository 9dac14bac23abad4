"""Rows of an import as a file: those that did not become leads, in the upload's own columns, and why."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from libs.contracts.lead_import.words import Words
from libs.spreadsheets.csv_file import SEPARATORS
from libs.spreadsheets.writing import SEPARATOR, XlsxWriter, csv_header, csv_rows
from services.api.http.report_form import CREATED_COLUMNS, ReportForm
from services.api.http.store import Scope, Store
from services.api.http.upload import temporary_folder
from services.api.http.views import CREATED, RowOutcome

SHEET_TITLE = "leads"

ROWS_A_READ = 1_000
_WIDTH, _WIDTH_OF_WORDS = 18.0, 60.0

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

Portions = AsyncGenerator[list[list[str]], None]


class Report(StreamingResponse):
    """A file that is made while it is sent. However that ends, ``place`` and its files are given back."""

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], place: AbstractContextManager[None], **options: Any
    ) -> None:
        super().__init__(pieces, **options)
        self._pieces = pieces
        self._place = place

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._place.__exit__(None, None, None)
            await self._pieces.aclose()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of which import, and in what words."""

    scope: Scope
    found: Mapping[str, Any]
    """The import, as the store has it."""
    outcome: RowOutcome | None
    """None: all that did not become leads."""
    reason: str | None
    words: Words

    @property
    def form(self) -> ReportForm:
        return ReportForm.of(self.found["file"])

    @property
    def header(self) -> list[str]:
        return list(CREATED_COLUMNS) if self.outcome == CREATED else self.form.header

    @property
    def separator(self) -> str:
        """The upload's own, if it has one.

        One that a file has to declare, as ``sep=|``, is not used: the report could not be imported again.
        """
        own = (self.found["file"] or {}).get("separator")
        return own if own in SEPARATORS else SEPARATOR


async def _portions(store: Store, wanted: Wanted) -> Portions:
    after, scope, form = 0, wanted.scope, wanted.form
    if wanted.outcome == CREATED:
        while made := await store.created_rows(scope, wanted.found, after=after, limit=ROWS_A_READ):
            yield [[str(row[column] or "") for column in CREATED_COLUMNS] for row in made]
            after = made[-1]["row"]
        return
    while some := await store.rows(
        scope, wanted.found["id"], after=after, limit=ROWS_A_READ, outcome=wanted.outcome, reason=wanted.reason
    ):
        yield [form.cells(row, wanted.words) for row in some]
        after = some[-1]["row_number"]


async def _csv(header: list[str], portions: Portions, separator: str) -> AsyncGenerator[bytes, None]:
    yield csv_header(header, separator)
    async for cells in portions:
        yield await asyncio.to_thread(csv_rows, cells, separator)


def _widths(header: list[str]) -> list[float]:
    """Return how wide columns are, in characters: the last one holds a sentence, the others names and numbers."""
    return [*(max(_WIDTH, len(name) + 2) for name in header[:-1]), _WIDTH_OF_WORDS]


async def _xlsx(header: list[str], portions: Portions) -> AsyncGenerator[bytes, None]:
    with temporary_folder() as folder:
        # In threads: a large workbook takes seconds, which would hold every other request.
        report = await asyncio.to_thread(partial(XlsxWriter, SHEET_TITLE, header, Path(folder), widths=_widths(header)))
        try:
            async for cells in portions:
                await asyncio.to_thread(report.add, cells)
            async for block in iterate_in_threadpool(report.finish()):
                yield block
        finally:
            report.close()


def download(
    store: Store, wanted: Wanted, *, kind: Literal["csv", "xlsx"], place: AbstractContextManager[None]
) -> Response:
    """Return all rows that are wanted as a file; those that are no leads can be corrected and imported again.

    ``place`` is held while the report is made and sent. Raises Refused when there is none.
    """
    place.__enter__()
    portions, header = _portions(store, wanted), wanted.header
    pieces = _csv(header, portions, wanted.separator) if kind == "csv" else _xlsx(header, portions)
    headers = {
        "Content-Disposition": f'attachment; filename="import-{wanted.found["id"]}-rows.{kind}"',
        "Content-Language": wanted.words.language,
    }
    return Report(pieces, place, media_type=MEDIA_TYPES[kind], headers=headers)
