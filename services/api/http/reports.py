"""Rows that did not become leads, as a file in the upload's own columns."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response, StreamingResponse

from libs.contracts.lead_import.internal.messages import Outcome
from libs.spreadsheets.writing import XlsxWriter, csv_header, csv_rows
from services.api.http.store import Scope, Store

REPORT_COLUMNS = ("name", "phone", "cpf", "email", "tags")
"""The columns of a report: those of the upload, so that it can be corrected and imported again."""
SHEET_TITLE = "leads"

ROWS_A_READ = 1_000

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def _portions(
    store: Store, scope: Scope, import_id: int, outcome: Outcome | None
) -> AsyncIterator[list[list[str]]]:
    after = 0
    while some := await store.rows(scope, import_id, after=after, limit=ROWS_A_READ, outcome=outcome):
        yield [row["cells"] for row in some]
        after = some[-1]["row_number"]


async def _csv(portions: AsyncIterator[list[list[str]]]) -> AsyncIterator[bytes]:
    yield csv_header(REPORT_COLUMNS)
    async for cells in portions:
        yield csv_rows(cells)


async def _xlsx(portions: AsyncIterator[list[list[str]]]) -> AsyncIterator[bytes]:
    # In threads: a large workbook takes seconds, which would hold every other request.
    report = await asyncio.to_thread(XlsxWriter, SHEET_TITLE, REPORT_COLUMNS)
    async for cells in portions:
        await asyncio.to_thread(report.add, cells)
    async for block in iterate_in_threadpool(report.finish()):
        yield block


def download(
    store: Store, scope: Scope, import_id: int, outcome: Outcome | None, kind: Literal["csv", "xlsx"]
) -> Response:
    """Return all rows of the outcome (None: existing and error) as a file that can be corrected and imported again."""
    portions = _portions(store, scope, import_id, outcome)
    pieces = _csv(portions) if kind == "csv" else _xlsx(portions)
    headers = {"Content-Disposition": f'attachment; filename="import-{import_id}-rows.{kind}"'}
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[kind], headers=headers)
