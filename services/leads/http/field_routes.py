"""Fields that a company gives its leads beside ours: thin."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from libs.common.web.refusals import Refused
from services.leads.defining.store import FieldExists, TooManyFields
from services.leads.domain.custom_fields import KEY, MOST, FieldType
from services.leads.http.lead_deps import Editor, LeadDepsDep, Viewer
from services.leads.http.one_lead import actor_of
from services.leads.http.sent_body import body_of, read_body

router = APIRouter(prefix="/api/v1", tags=["Custom fields"])

Key = Annotated[str, Path(pattern=KEY, description="The field's key.")]
Label = Annotated[str, Field(min_length=1, max_length=255)]


class FieldBody(BaseModel):
    """A new field."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: Annotated[str, Field(pattern=KEY)]
    label: Label
    type: FieldType


class LabelBody(BaseModel):
    """Another label."""

    model_config = ConfigDict(extra="forbid", strict=True)

    label: Label


class FieldView(BaseModel):
    """A field; its key is what values are given and found by."""

    key: str
    label: str
    type: FieldType
    created_at: datetime


class FieldList(BaseModel):
    """A company's fields."""

    items: list[FieldView]


def no_field(key: str) -> Refused:
    return Refused("not_found", f"There is no field {key}.")


@router.get("/fields", summary="Custom fields")
async def get_fields(caller: Viewer, deps: LeadDepsDep) -> FieldList:
    """In the order in which they were made."""
    return FieldList(items=[FieldView.model_validate(each) for each in await deps.defining.all(caller.company_id)])


@router.post("/fields", status_code=201, openapi_extra=body_of(FieldBody), summary="Make a field")
async def post_field(request: Request, caller: Editor, deps: LeadDepsDep) -> FieldView:
    """Fifty a company. Its type stays: values are checked against it."""
    body = await read_body(request, FieldBody, most_bytes=deps.most_bytes)
    try:
        made = await deps.defining.make(actor_of(caller), body.key, body.label, body.type)
    except FieldExists:
        raise Refused("field_exists") from None
    except TooManyFields:
        raise Refused("fields_too_many", f"A company may have {MOST} fields.") from None
    return FieldView.model_validate(made)


@router.patch("/fields/{key}", openapi_extra=body_of(LabelBody), summary="Give a field another label")
async def patch_field(key: Key, request: Request, caller: Editor, deps: LeadDepsDep) -> FieldView:
    """Key and type stay."""
    body = await read_body(request, LabelBody, most_bytes=deps.most_bytes)
    found = await deps.defining.relabel(caller.company_id, key, body.label)
    if found is None:
        raise no_field(key)
    return FieldView.model_validate(found)


@router.delete("/fields/{key}", status_code=204, summary="Delete a field")
async def delete_field(key: Key, caller: Editor, deps: LeadDepsDep) -> Response:
    """It takes no values any more; those that leads have stay with them."""
    if not await deps.defining.delete(caller.company_id, key):
        raise no_field(key)
    return Response(status_code=204)
