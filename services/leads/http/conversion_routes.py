"""Pipelines, and a lead that becomes an opportunity: thin."""

from datetime import date, datetime
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel

from libs.common.web.refusals import Refused
from services.leads.converting.domain import ConvertBody
from services.leads.converting.store import NoSuchStage
from services.leads.http.lead_deps import Converter, LeadDepsDep, LeadId, Viewer
from services.leads.http.lead_views import LeadView
from services.leads.http.one_lead import actor_of, no_lead, shown_lead
from services.leads.http.preconditions import IfMatch, expected_versions, unless_moved_on
from services.leads.http.sent_body import body_of, read_body

log = structlog.get_logger()

router = APIRouter(prefix="/api/v1", tags=["Pipelines"])


class StageView(BaseModel):
    """A stage of a pipeline."""

    id: UUID
    name: str


class PipelineView(BaseModel):
    """A pipeline, its stages in their order."""

    id: UUID
    name: str
    is_default: bool
    stages: list[StageView]


class PipelineList(BaseModel):
    """A company's pipelines, the default one first."""

    items: list[PipelineView]


class OpportunityView(BaseModel):
    """What a lead became."""

    id: UUID
    stage_id: UUID
    title: str
    value: float | None
    currency: str
    expected_close: date | None
    created_at: datetime


class ConvertedView(BaseModel):
    """A lead and its opportunity."""

    lead: LeadView
    opportunity: OpportunityView


@router.get("/pipelines", summary="Pipelines and their stages")
async def get_pipelines(caller: Viewer, deps: LeadDepsDep) -> PipelineList:
    """The default one first: every company has one."""
    found = await deps.converting.pipelines(caller.company_id)
    return PipelineList(items=[PipelineView.model_validate(each) for each in found])


@router.post("/leads/{lead_id}/convert", openapi_extra=body_of(ConvertBody), summary="Make an opportunity of a lead")
async def post_convert(
    lead_id: LeadId, request: Request, caller: Converter, deps: LeadDepsDep, if_match: IfMatch = None
) -> ConvertedView:
    """Once: a second call, whatever it says, is answered the opportunity that the first one made."""
    body = await read_body(request, ConvertBody, most_bytes=deps.most_bytes)
    try:
        async with unless_moved_on(deps, caller, lead_id):
            opportunity = await deps.converting.convert(actor_of(caller), lead_id, body, expected_versions(if_match))
    except NoSuchStage:
        raise Refused("stage_not_found") from None
    if opportunity is None:
        raise no_lead(lead_id)
    log.info("converted", lead_id=str(lead_id))
    lead = await shown_lead(deps, caller, lead_id)
    return ConvertedView(lead=lead, opportunity=OpportunityView.model_validate(opportunity))
