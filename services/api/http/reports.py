"""Rows that did not become leads, as a file in the upload's own columns."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from libs.contracts.lead_import.internal.messages import Outcome
from libs.spreadsheets.csv_file import SEPARATORS
from libs.spreadsheets.writing import SEPARATOR, XlsxWriter, csv_header, csv_rows
from services.api.http.store import Scope, Store
from services.api.http.upload import temporary_folder

REPORT_COLUMNS = ("name", "phone", "cpf", "email", "tags")
"""The columns of a report: those of the upload, so that it can be corrected and imported again."""
SHEET_TITLE = "leads"

ROWS_A_READ = 1_000

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


async def _portions(store: Store, scope: Scope, import_id: int, outcome: Outcome | None) -> Portions:
    after = 0
    while some := await store.rows(scope, import_id, after=after, limit=ROWS_A_READ, outcome=outcome):
        yield [row["cells"] for row in some]
        after = some[-1]["row_number"]


async def _csv(portions: Portions, separator: str) -> AsyncGenerator[bytes, None]:
    yield csv_header(REPORT_COLUMNS, separator)
    async for cells in portions:
        yield await asyncio.to_thread(csv_rows, cells, separator)


async def _xlsx(portions: Portions) -> AsyncGenerator[bytes, None]:
    with temporary_folder() as folder:
        # In threads: a large workbook takes seconds, which would hold every other request.
        report = await asyncio.to_thread(XlsxWriter, SHEET_TITLE, REPORT_COLUMNS, Path(folder))
        try:
            async for cells in portions:
                await asyncio.to_thread(report.add, cells)
            async for block in iterate_in_threadpool(report.finish()):
                yield block
        finally:
            report.close()


def download(
    store: Store,
    scope: Scope,
    import_id: int,
    *,
    outcome: Outcome | None,
    kind: Literal["csv", "xlsx"],
    separator: str | None,
    place: AbstractContextManager[None],
) -> Response:
    """Return all rows of the outcome (None: existing and error) as a file that can be corrected and imported again.

    ``separator`` is the upload's own, None for a workbook. One that a file has to declare, as ``sep=|``, is not used:
    the report could not be imported again. ``place`` is held while the report is made and sent. Raises
    Refused when there is none.
    """
    place.__enter__()
    portions = _portions(store, scope, import_id, outcome)
    if separator not in SEPARATORS:
        separator = SEPARATOR
    pieces = _csv(portions, separator) if kind == "csv" else _xlsx(portions)
    headers = {"Content-Disposition": f'attachment; filename="import-{import_id}-rows.{kind}"'}
    return Report(pieces, place, media_type=MEDIA_TYPES[kind], headers=headers)
