"""The calls that end an import, or take it back: thin."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from libs.common.web.refusals import Refused
from services.api.ending.store import Answer, EndingStore
from services.api.ending.undo_views import KeptPage, kept_view, undo_view
from services.api.http.deps import DepsDep
from services.api.http.openapi import PROBLEM_RESPONSES
from services.api.http.routes import Cursor, ImportId, Limit, find_import, not_found
from services.api.http.signing_in import CallerDep, WordsDep
from services.api.http.store import Scope, scope_of
from services.api.http.views import ImportDetail, UndoView, import_detail

log = structlog.get_logger()

router = APIRouter(responses=PROBLEM_RESPONSES, tags=["Imports"])


@dataclass(frozen=True, slots=True)
class Ending:
    """Kept in ``app.state.ending``."""

    store: EndingStore
    wake_relay: Callable[[], None]


async def ending_of(request: Request) -> Ending:
    ending: Ending = request.app.state.ending
    return ending


EndingDep = Annotated[Ending, Depends(ending_of)]


@router.post("/imports/{import_id}/cancel", status_code=202, summary="Cancel an import in progress")
async def cancel_import(import_id: ImportId, caller: CallerDep, deps: DepsDep, ending: EndingDep) -> ImportDetail:
    """Rows that are not leads yet end as errors (`canceled`); the import ends `FAILED`, because it was `canceled`.

    Leads that were made stay. It has ended when its `status` says so, a moment after this answer. Asked again, the
    answer is the same.
    """
    answer = await ending.store.cancel(scope_of(caller), import_id, user_id=caller.user_id)
    if answer is Answer.UNKNOWN:
        raise not_found(import_id)
    if answer is Answer.ENDED:
        raise Refused("import_ended", "The import had ended before it was canceled.")
    log.info("cancel requested", import_id=import_id)
    return import_detail(await find_import(deps, caller, import_id))


@router.post("/imports/{import_id}/undo", status_code=202, summary="Take back an ended import")
async def undo_import(import_id: ImportId, caller: CallerDep, ending: EndingDep) -> UndoView:
    """Leads of the import that nobody has touched since are taken back, with their chats and tags.

    A lead stays, and is listed, when it or its chat was changed since. Asked again before the end, the answer is how
    far it is.
    """
    answer, undo = await ending.store.undo(scope_of(caller), import_id, user_id=caller.user_id)
    if answer is Answer.UNKNOWN:
        raise not_found(import_id)
    if answer is Answer.IN_PROGRESS:
        raise Refused("import_in_progress", "The import is still in progress.")
    if answer is Answer.DONE:
        raise Refused("undo_done", "The import was taken back before.")
    ending.wake_relay()
    log.info("undo requested", import_id=import_id)
    return undo_view(undo)


@router.get("/imports/{import_id}/undo", summary="How far an undo is")
async def get_undo(import_id: ImportId, caller: CallerDep, ending: EndingDep) -> UndoView:
    """Counts grow while it is `RUNNING`; in the end they add up to `total`."""
    return await _find_undo(ending, scope_of(caller), import_id)


@router.get("/imports/{import_id}/undo/kept", response_model=KeptPage, summary="Leads that an undo did not take back")
async def get_kept(
    import_id: ImportId, caller: CallerDep, ending: EndingDep, said: WordsDep, limit: Limit = 100, cursor: Cursor = None
) -> JSONResponse:
    """Why each of them stayed, in the language of `Accept-Language`."""
    scope = scope_of(caller)
    await _find_undo(ending, scope, import_id)
    found = await ending.store.kept(scope, import_id, after=cursor or 0, limit=limit + 1)
    items = [kept_view(row, said) for row in found[:limit]]
    page = KeptPage(items=items, next=str(items[-1].lead_id) if len(found) > limit else None)
    return JSONResponse(page.model_dump(mode="json"), headers={"Content-Language": said.language})


async def _find_undo(ending: Ending, scope: Scope, import_id: int) -> UndoView:
    found = await ending.store.get_undo(scope, import_id)
    if found is None:
        raise Refused("not_found", f"Nobody has asked to take back an import {import_id}.")
    return undo_view(found)
