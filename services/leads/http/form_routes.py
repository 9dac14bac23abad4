"""Forms that a company places on its pages: thin."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from libs.common.web.refusals import Refused
from services.leads.http.lead_deps import Editor, LeadDepsDep
from services.leads.http.one_lead import actor_of
from services.leads.http.sent_body import body_of, read_body
from services.leads.placing.domain import MOST, FormBody, FormEdit, each_once
from services.leads.placing.store import TooManyForms

log = structlog.get_logger()

router = APIRouter(prefix="/api/v1", tags=["Forms"])

FormId = Annotated[UUID, Path(description="The form's id.")]


class FormView(BaseModel):
    """A form. Its key stands in the page for everybody to see: it names the company, and opens nothing."""

    id: UUID
    key: Annotated[str, Field(examples=["6f9b2c1e0d3a4b5f8c7d6e5f4a3b2c1d"])]
    name: Annotated[str, Field(examples=["Contact page"])]
    origins: Annotated[list[str], Field(examples=[["https://www.example.com"]])]
    created_by: int | None
    created_at: datetime


class FormList(BaseModel):
    """A company's forms."""

    items: list[FormView]


def no_form(form_id: UUID) -> Refused:
    return Refused("not_found", f"There is no form {form_id}.")


@router.get("/forms", summary="Forms")
async def get_forms(caller: Editor, deps: LeadDepsDep) -> FormList:
    """In the order in which they were made, with their keys."""
    return FormList(items=[FormView.model_validate(each) for each in await deps.placing.all(caller.company_id)])


@router.post("/forms", status_code=201, openapi_extra=body_of(FormBody), summary="Make a form")
async def post_form(request: Request, caller: Editor, deps: LeadDepsDep) -> FormView:
    """Fifty a company. `POST /api/v1/leads` with its `key` as `X-Form-Key` makes leads of the company; pages of other
    origins than these are refused.
    """
    body = await read_body(request, FormBody, most_bytes=deps.most_bytes)
    try:
        made = await deps.placing.make(actor_of(caller), body.name, each_once(body.origins))
    except TooManyForms:
        raise Refused("forms_too_many", f"A company may have {MOST} forms.") from None
    log.info("form made", form_id=str(made["id"]))
    return FormView.model_validate(made)


@router.patch("/forms/{form_id}", openapi_extra=body_of(FormEdit), summary="Change a form's name or origins")
async def patch_form(form_id: FormId, request: Request, caller: Editor, deps: LeadDepsDep) -> FormView:
    """Its key stays: another key is another form."""
    body = await read_body(request, FormEdit, most_bytes=deps.most_bytes)
    origins = None if body.origins is None else each_once(body.origins)
    found = await deps.placing.change(caller.company_id, form_id, name=body.name, origins=origins)
    if found is None:
        raise no_form(form_id)
    return FormView.model_validate(found)


@router.delete("/forms/{form_id}", status_code=204, summary="Delete a form")
async def delete_form(form_id: FormId, caller: Editor, deps: LeadDepsDep) -> Response:
    """From now on nobody knows its key; the leads that it made stay."""
    if not await deps.placing.delete(caller.company_id, form_id):
        raise no_form(form_id)
    log.info("form deleted", form_id=str(form_id))
    return Response(status_code=204)
