"""Rows that did not become leads, as a file in the upload's own columns."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

from starlette.responses import Response, StreamingResponse

from libs.common.events.chunk import Outcome
from services.api.domain.report import csv_header, csv_rows, xlsx_report
from services.api.store import Scope, Store

ROWS_A_READ = 1_000

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def _cells(store: Store, scope: Scope, import_id: int, outcome: Outcome | None) -> AsyncIterator[list[list[str]]]:
    after = 0
    while some := await store.rows(scope, import_id, after=after, limit=ROWS_A_READ, outcome=outcome):
        yield [row["cells"] for row in some]
        after = some[-1]["row_number"]


async def download(
    store: Store, scope: Scope, import_id: int, outcome: Outcome | None, kind: Literal["csv", "xlsx"]
) -> Response:
    """Return all rows of the outcome (None: both) as a download that can be corrected and imported again."""
    headers = {"Content-Disposition": f'attachment; filename="import-{import_id}-rows.{kind}"'}
    if kind == "csv":

        async def pieces() -> AsyncIterator[bytes]:
            yield csv_header()
            async for cells in _cells(store, scope, import_id, outcome):
                yield csv_rows(cells)

        return StreamingResponse(pieces(), media_type=MEDIA_TYPES["csv"], headers=headers)
    everything = [row async for cells in _cells(store, scope, import_id, outcome) for row in cells]
    content = await asyncio.to_thread(xlsx_report, everything)
    return Response(content, media_type=MEDIA_TYPES["xlsx"], headers=headers)
