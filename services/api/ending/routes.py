"""The calls that end an import: thin."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request

from libs.common.web.refusals import Refused
from services.api.ending.store import Canceled, EndingStore
from services.api.http.deps import DepsDep
from services.api.http.openapi import PROBLEM_RESPONSES
from services.api.http.routes import ImportId, find_import, not_found
from services.api.http.signing_in import CallerDep
from services.api.http.store import scope_of
from services.api.http.views import ImportView, import_view

log = structlog.get_logger()

router = APIRouter(responses=PROBLEM_RESPONSES, tags=["Imports"])


async def store_of(request: Request) -> EndingStore:
    store: EndingStore = request.app.state.ending
    return store


StoreDep = Annotated[EndingStore, Depends(store_of)]


@router.post("/imports/{import_id}/cancel", status_code=202, summary="Cancel an import in progress")
async def cancel_import(import_id: ImportId, caller: CallerDep, deps: DepsDep, store: StoreDep) -> ImportView:
    """Rows that are not leads yet end as errors (`canceled`); the import ends `FAILED`, because it was `canceled`.

    Leads that were made stay. It has ended when its `status` says so, a moment after this answer. Asked again, the
    answer is the same.
    """
    canceled = await store.cancel(scope_of(caller), import_id, user_id=caller.user_id)
    if canceled is Canceled.UNKNOWN:
        raise not_found(import_id)
    if canceled is Canceled.ENDED:
        raise Refused("import_ended", "The import had ended before it was canceled.")
    log.info("cancel requested", import_id=import_id)
    return import_view(await find_import(deps, caller, import_id))
