"""The list, one lead, and what people do with it: thin."""

from typing import Annotated, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter

from libs.common.web.digits import Digits
from libs.common.web.refusals import Refused
from services.leads.changing.store import NotAColleague, WrongTransition
from services.leads.domain.list_cursor import WrongCursor, read_cursor, write_cursor
from services.leads.domain.transitions import reachable
from services.leads.http.lead_deps import Assigner, Editor, LeadDepsDep, LeadId, Viewer
from services.leads.http.lead_views import (
    ActivityBody,
    ActivityView,
    AssignBody,
    AssignedView,
    LeadPage,
    LeadRow,
    LeadView,
    MovedView,
    StatusBody,
)
from services.leads.http.one_lead import ACTIVITIES, actor_of, no_lead, shown_lead
from services.leads.http.preconditions import IfMatch, etag, expected_versions, unless_moved_on
from services.leads.http.sent_body import body_of, read_body
from services.leads.http.wanted_leads import WantedLeads
from services.leads.listing.store import PageStart, place_of
from services.leads.noting.store import LeadReader

log = structlog.get_logger()

router = APIRouter(prefix="/api/v1", tags=["Leads"])

_ROWS = TypeAdapter(list[LeadRow])
DEEPEST = 10_000
"""Rows that a page by number may pass over; a cursor goes on from there."""


@router.get("/leads", response_model=LeadPage, summary="Leads, the newest first")
async def get_leads(
    caller: Viewer,
    deps: LeadDepsDep,
    wanted: WantedLeads,
    sort: Literal["created_at", "-created_at"] = "-created_at",
    page: Annotated[int, Query(ge=1, le=1_000_000), Digits] = 1,
    limit: Annotated[int, Query(ge=1, le=100), Digits] = 20,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Filters narrow each other down, also `custom.KEY` for a field of the company's own. `total` is exact to 10,000;
    that there are more may be ten seconds old. `next` goes on where a page ends. Who is shown which leads is written
    down.
    """
    offset = 0 if cursor is not None else (page - 1) * limit
    if offset + limit > DEEPEST:
        raise Refused("page_too_deep")
    try:
        behind = None if cursor is None else read_cursor(cursor)
    except WrongCursor:
        raise Refused("request_invalid", "Not valid: cursor.") from None
    place = PageStart(limit + 1, offset, behind, oldest_first=sort == "created_at")
    reader = LeadReader(caller.user_id, deps.clock(), "list", first=limit)
    found, total, is_exact = await deps.listing.counted_page(caller.company_id, wanted, place, reader=reader)
    shown = found[:limit]
    answer = LeadPage(
        items=_ROWS.validate_python(shown),
        total=total,
        total_is_exact=is_exact,
        page=page,
        limit=limit,
        next=write_cursor(place_of(shown[-1])) if len(found) > limit else None,
    )
    # As a model it would be read and checked once more before it is written.
    return Response(answer.model_dump_json(), media_type="application/json")


@router.get("/leads/{lead_id}", summary="One lead and its history")
async def get_lead(
    lead_id: LeadId,
    response: Response,
    caller: Viewer,
    deps: LeadDepsDep,
    limit: Annotated[int, Query(ge=1, le=100), Digits] = ACTIVITIES,
    activities_before: UUID | None = None,
) -> LeadView:
    """Its history is in pages, the newest entry first: `next_activities` goes on. Who reads a lead is written down."""
    lead = await shown_lead(deps, caller, lead_id, limit=limit, before=activities_before)
    response.headers["ETag"] = etag(lead.version)
    return lead


@router.patch(
    "/leads/{lead_id}/status",
    openapi_extra=body_of(StatusBody),
    summary="Move a lead in the pipeline",
)
async def patch_status(
    lead_id: LeadId, request: Request, response: Response, caller: Editor, deps: LeadDepsDep, if_match: IfMatch = None
) -> MovedView:
    """Forward by any step, back by one, from the end back to `contacted`. The same again changes and says nothing,
    and its `notes` are not kept: `POST /leads/{id}/activities` keeps them.
    """
    body = await read_body(request, StatusBody, most_bytes=deps.most_bytes)
    try:
        async with unless_moved_on(deps, caller, lead_id):
            moved = await deps.changing.move(
                actor_of(caller), lead_id, body.status, body.notes, expected_versions(if_match)
            )
    except WrongTransition as error:
        facts = {"status_now": error.status, "allowed": reachable(error.status)}
        raise Refused("transition", f"From {error.status} to {body.status}.", facts=facts) from None
    if moved is None:
        raise no_lead(lead_id)
    response.headers["ETag"] = etag(moved.version)
    return MovedView(id=moved.id, status=moved.status, updated_at=moved.updated_at)


@router.post(
    "/leads/{lead_id}/assign",
    openapi_extra=body_of(AssignBody),
    summary="Give a lead to a colleague",
)
async def post_assign(
    lead_id: LeadId, request: Request, response: Response, caller: Assigner, deps: LeadDepsDep, if_match: IfMatch = None
) -> AssignedView:
    """To one of the company's users, or with null to nobody."""
    body = await read_body(request, AssignBody, most_bytes=deps.most_bytes)
    try:
        async with unless_moved_on(deps, caller, lead_id):
            assigned = await deps.changing.assign(
                actor_of(caller), lead_id, body.assigned_to, expected_versions(if_match)
            )
    except NotAColleague:
        raise Refused("assignee_not_found") from None
    if assigned is None:
        raise no_lead(lead_id)
    response.headers["ETag"] = etag(assigned.version)
    return AssignedView(id=assigned.id, assigned_to=assigned.assigned_to, updated_at=assigned.updated_at)


@router.post(
    "/leads/{lead_id}/activities",
    status_code=201,
    response_model=ActivityView,
    openapi_extra=body_of(ActivityBody),
    summary="Write into a lead's history",
)
async def post_activity(lead_id: LeadId, request: Request, caller: Editor, deps: LeadDepsDep) -> JSONResponse:
    """A note, or that somebody was in touch."""
    body = await read_body(request, ActivityBody, most_bytes=deps.most_bytes)
    written = await deps.changing.add_activity(actor_of(caller), lead_id, body.activity_type, body.description)
    if written is None:
        raise no_lead(lead_id)
    return JSONResponse(ActivityView.model_validate(written).model_dump(mode="json"), 201)
