"""The calls of api: thin. Who may, what is asked, hand over, answer."""

import time
from contextlib import ExitStack
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Header, Path, Query, Request
from opentelemetry import trace
from pydantic import Field
from sse_starlette import EventSourceResponse
from starlette.responses import JSONResponse, Response

from libs.common.messages import ID_LIMIT
from libs.common.web.caller import Caller
from libs.common.web.digits import Digits
from libs.common.web.refusals import Refused
from libs.contracts.lead_import.events import ImportStatus
from services.api.accepting.acceptor import Wish
from services.api.accepting.domain.answer import AcceptedView
from services.api.accepting.domain.idempotency import MAX_KEY, IdempotencyKey, fingerprint
from services.api.accepting.domain.request import read_preview_request, read_request
from services.api.http import reports
from services.api.http.deps import Deps, DepsDep
from services.api.http.openapi import EVENT_SCHEMA, PREVIEW_BODY, PROBLEM_RESPONSES, ROWS_AS_FILES, UPLOAD_BODY
from services.api.http.signing_in import CallerDep, WordsDep
from services.api.http.store import scope_of
from services.api.http.upload import receive_upload
from services.api.http.views import (
    CREATED,
    CreatedRow,
    ImportDetail,
    ImportPage,
    RowOutcome,
    RowPage,
    RowView,
    import_detail,
    import_view,
    row_view,
)
from services.api.previewing.domain.preview_view import PreviewView

log = structlog.get_logger()

router = APIRouter(responses=PROBLEM_RESPONSES, tags=["Imports"])


ImportId = Annotated[int, Path(ge=1, le=ID_LIMIT, description="The import's id.", examples=[42]), Digits]
Limit = Annotated[int, Query(ge=1, le=500, description="Items of a page at most."), Digits]
Cursor = Annotated[
    Annotated[int, Field(ge=0, le=ID_LIMIT)] | None, Query(description="`next` of the page before."), Digits
]
AccountId = Annotated[
    Annotated[int, Field(ge=1, le=ID_LIMIT)] | None, Query(description="Imports of this account alone."), Digits
]

# PostgreSQL takes no text with a NUL, and no reason has any but these characters.
Reason = Annotated[
    Annotated[str, Field(pattern="^[a-z0-9_]{1,64}$")] | None, Query(description="Rows of this reason alone.")
]


async def find_import(deps: Deps, caller: Caller, import_id: int) -> dict[str, Any]:
    """Return the import as the store has it. Raises Refused ``not_found`` outside the caller's scope."""
    found = await deps.store.get_import(scope_of(caller), import_id)
    if found is None:
        raise not_found(import_id)
    return found


def not_found(import_id: int) -> Refused:
    return Refused("not_found", f"There is no import {import_id}.")


@router.post(
    "/import",
    status_code=202,
    response_model=AcceptedView,
    openapi_extra=UPLOAD_BODY,
    summary="Import a spreadsheet",
)
async def post_import(
    request: Request,
    caller: CallerDep,
    deps: DepsDep,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=MAX_KEY)] = None,
) -> Response:
    """Validate the file and its rows, store them, and answer at once; leads are made afterwards.

    Each row ends as created, existing or error; `GET /imports/{id}` and its events say how far it is. The same
    `Idempotency-Key` with the same file and `data` is answered once within 24 hours, however often it is sent.
    """
    began = time.monotonic()
    limits = deps.acceptor.limits
    with deps.uploads.one(caller.company_id, code="busy"):
        async with receive_upload(request, max_bytes=limits.max_bytes, seconds=deps.upload_seconds) as upload:
            structlog.contextvars.bind_contextvars(bytes=upload.path.stat().st_size)
            wanted = read_request(upload.data)
            key = None
            if idempotency_key is not None:
                key = IdempotencyKey(caller.company_id, idempotency_key, fingerprint(upload.sha256, wanted))
            accepted = AcceptedView.model_validate(await deps.acceptor.accept(Wish(upload, wanted, caller, key)))
    trace.get_current_span().set_attribute("leadflow.import_id", accepted.id)
    seconds = round(time.monotonic() - began, 3)
    log.info("accepted", import_id=accepted.id, rows=accepted.total_rows, seconds=seconds)
    # A repeat under an Idempotency-Key has the first answer's bytes: what was kept of it has its members in no order.
    location = f"{request.scope.get('root_path', '')}/imports/{accepted.id}"
    return JSONResponse(accepted.model_dump(mode="json"), 202, headers={"Location": location})


@router.post(
    "/import/preview",
    response_model=PreviewView,
    openapi_extra=PREVIEW_BODY,
    summary="What an upload would become",
)
async def post_preview(request: Request, caller: CallerDep, deps: DepsDep, said: WordsDep) -> Response:
    """Read the file as the import would, and say how each row would end now. Nothing is stored and nothing counts.

    Invalid rows do not refuse a preview, whatever `on_invalid_row` says; a missing column is named in `missing`.
    """
    began = time.monotonic()
    with ExitStack() as place:
        place.enter_context(deps.uploads.one(caller.company_id, code="busy"))
        async with receive_upload(
            request, max_bytes=deps.previewer.limits.max_bytes, seconds=deps.upload_seconds
        ) as upload:
            structlog.contextvars.bind_contextvars(bytes=upload.path.stat().st_size)
            wanted = read_preview_request(upload.data)
            found = await deps.previewer.preview(upload, wanted, caller, was_read=place.close)
            answer = PreviewView.told(found, said)
    log.info("previewed", rows=answer.total_rows, seconds=round(time.monotonic() - began, 3))
    said_in = {"Content-Language": said.language}
    return Response(answer.model_dump_json(), media_type="application/json", headers=said_in)


@router.get("/imports", response_model=ImportPage, summary="History of imports")
async def get_imports(
    caller: CallerDep,
    deps: DepsDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    account_id: AccountId = None,
    status: ImportStatus | None = None,
) -> Response:
    """Newest first, in pages."""
    async with deps.reads.one(caller.company_id):
        found = await deps.store.list_imports(
            scope_of(caller), before=cursor, limit=limit + 1, account_id=account_id, status=status
        )
        items = [import_view(row) for row in found[:limit]]
        page = ImportPage(items=items, next=str(items[-1].id) if len(found) > limit else None)
        return Response(page.model_dump_json(), media_type="application/json")


@router.get("/imports/{import_id}", response_model=ImportDetail, summary="One import and its progress")
async def get_import(import_id: ImportId, caller: CallerDep, deps: DepsDep) -> Response:
    """Totals grow while it is `PROCESSING`; in the end they add up to `total_rows`."""
    # Written out here: FastAPI would validate it once more, and this is the call that whoever waits repeats.
    shown = import_detail(await find_import(deps, caller, import_id))
    return Response(shown.model_dump_json(), media_type="application/json")


@router.delete("/imports/{import_id}", status_code=204, summary="Delete an ended import")
async def delete_import(import_id: ImportId, caller: CallerDep, deps: DepsDep) -> Response:
    """Takes it out of the history and frees its name; its leads stay."""
    if not await deps.store.delete_import(scope_of(caller), import_id):
        await find_import(deps, caller, import_id)
        raise Refused("import_in_progress", "The import is still in progress.")
    return Response(status_code=204)


@router.get(
    "/imports/{import_id}/events",
    summary="Progress as server-sent events",
    response_class=EventSourceResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": EVENT_SCHEMA}}},
        204: {"description": "Seen."},
    },
)
async def get_events(
    import_id: ImportId,
    caller: CallerDep,
    deps: DepsDep,
    last_event_id: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """`progress` events, then one `lead:import-finished`; after that a reconnection is answered 204."""
    deps.streams.check_room(caller)
    moment = await deps.streams.look(scope_of(caller), import_id)
    if moment is None:
        raise not_found(import_id)
    if moment.end is not None and last_event_id == moment.end.id:
        return Response(status_code=204)
    stream = deps.streams.events(caller, import_id, moment, last_event_id)
    return EventSourceResponse(stream, ping=15, headers={"Cache-Control": "no-store"})


@router.get(
    "/imports/{import_id}/rows",
    response_model=RowPage,
    summary="What became of rows",
    responses={200: ROWS_AS_FILES},
)
async def get_rows(
    import_id: ImportId,
    caller: CallerDep,
    deps: DepsDep,
    said: WordsDep,
    limit: Limit = 100,
    cursor: Cursor = None,
    outcome: Annotated[RowOutcome | None, Query(description="Left out: all that did not become leads.")] = None,
    reason: Reason = None,
    format: Annotated[  # noqa: A002 - the parameter's public name
        Literal["json", "csv", "xlsx"],
        Query(description="csv and xlsx: all rows, in the file's own columns, then row, outcome and reason."),
    ] = "json",
) -> Response:
    """Why each row was not made a lead, or with `outcome=created` which lead it became.

    As CSV or XLSX rows that are no leads can be corrected and imported again. Words are in the language of
    `Accept-Language`.
    """
    found = await find_import(deps, caller, import_id)
    if found["rows_expired_at"] is not None and outcome != CREATED:
        raise Refused("rows_expired", "The rows that did not become leads are no longer kept.")
    scope = scope_of(caller)
    if format != "json":
        wanted = reports.Wanted(scope, found, outcome, reason, said)
        place = deps.reports.one(caller.company_id, code="busy")
        return reports.download(deps.store, wanted, kind=format, place=place, reads=deps.reads)
    items: list[RowView | CreatedRow]
    async with deps.reads.one(caller.company_id):
        if outcome == CREATED:
            made = await deps.store.created_rows(scope, found, after=cursor or 0, limit=limit + 1, reason=reason)
            items = [CreatedRow(**row) for row in made[:limit]]
            has_more = len(made) > limit
        else:
            rows = await deps.store.rows(
                scope, import_id, after=cursor or 0, limit=limit + 1, outcome=outcome, reason=reason
            )
            items = [row_view(row, said) for row in rows[:limit]]
            has_more = bool(rows) and rows[0]["found"] > len(items)
        page = RowPage(items=items, next=str(items[-1].row) if has_more else None)
        said_in = {"Content-Language": said.language}
        return Response(page.model_dump_json(), media_type="application/json", headers=said_in)
