"""A lead's fields, and its end: thin."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Request, Response

from libs.common.web.refusals import Detail, Refused, pointer_to
from services.leads.editing.domain import EditBody, wanted_columns
from services.leads.editing.store import PhoneRequired, PhoneTaken
from services.leads.http.lead_deps import Deleter, Editor, LeadDepsDep, LeadId
from services.leads.http.lead_views import LeadView
from services.leads.http.one_lead import actor_of, no_lead, shown_lead
from services.leads.http.preconditions import IfMatch, etag, expected_versions, unless_moved_on
from services.leads.http.sent_body import body_of, read_body

log = structlog.get_logger()

router = APIRouter(prefix="/api/v1", tags=["Leads"])


@router.patch("/leads/{lead_id}", openapi_extra=body_of(EditBody), summary="Change a lead's fields")
async def patch_lead(
    lead_id: LeadId, request: Request, response: Response, caller: Editor, deps: LeadDepsDep, if_match: IfMatch = None
) -> LeadView:
    """Those that are named; null empties one. Of two who change the same field the last one wins, unless `If-Match`."""
    body = await read_body(request, EditBody, most_bytes=deps.most_bytes)
    wanted, custom = wanted_columns(body), body.custom_fields
    try:
        async with unless_moved_on(deps, caller, lead_id):
            edited = await deps.editing.edit(actor_of(caller), lead_id, wanted, custom, expected_versions(if_match))
    except PhoneRequired:
        wrong = Detail("phone_invalid", "A lead of an import keeps a phone.", pointer=pointer_to("phone"))
        raise Refused("request_invalid", "Not valid: phone.", errors=[wrong], total_errors=1) from None
    except PhoneTaken as error:
        raise Refused("lead_exists", facts={"lead_id": str(error.lead_id)}) from None
    if edited is None:
        raise no_lead(lead_id)
    response.headers["ETag"] = etag(edited.version)
    return await shown_lead(deps, caller, lead_id)


@router.delete("/leads/{lead_id}", status_code=204, summary="Delete a lead")
async def delete_lead(
    lead_id: LeadId,
    caller: Deleter,
    deps: LeadDepsDep,
    *,
    if_match: IfMatch = None,
    erase: Annotated[bool, Query(description="Also forget who it was: for good.")] = False,
) -> Response:
    """It is found no more. With `erase` its name, phones, e-mail, CPF and what was written of it are overwritten, also
    of one that was deleted before; ids and counts stay.
    """
    async with unless_moved_on(deps, caller, lead_id):
        end = deps.deleting.erase if erase else deps.deleting.delete
        was_there = await end(actor_of(caller), lead_id, expected_versions(if_match))
    if not was_there:
        raise no_lead(lead_id)
    log.info("deleted", lead_id=str(lead_id), erased=erase)
    return Response(status_code=204)
