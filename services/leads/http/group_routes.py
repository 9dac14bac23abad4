"""Lists of leads: thin."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from libs.common.messages import Id
from libs.common.web.digits import Digits
from libs.common.web.refusals import Refused
from libs.contracts.leads.events import Channel, LeadStatus
from services.leads.domain.custom_fields import MOST, Value
from services.leads.domain.lead_filter import LeadFilter
from services.leads.domain.written_fields import line
from services.leads.grouping.store import NameTaken
from services.leads.http.lead_deps import Editor, LeadDepsDep, Viewer
from services.leads.http.one_lead import actor_of
from services.leads.http.sent_body import body_of, read_body
from services.leads.http.wanted_leads import Moment

router = APIRouter(prefix="/api/v1", tags=["Lists"])

MOST_IDS = 1_000
ListId = Annotated[UUID, Path(description="The list's id.")]
Name = Annotated[str, Field(min_length=1, max_length=255)]
Description = Annotated[str | None, Field(max_length=1_000)]
Text = Annotated[str | None, Field(min_length=1, max_length=255)]


class ListBody(BaseModel):
    """A new list."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name
    description: Description = None


class ListEdit(BaseModel):
    """What shall be another; what is not named stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name | None = None
    description: Description = None


class FilterBody(BaseModel):
    """Which leads: as the parameters of `GET /leads`."""

    # Python's JSON has NaN, which PostgreSQL's has not.
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    status: LeadStatus | None = None
    source: Text = None
    assigned_to: Id | None = None
    channel: Channel | None = None
    import_id: Id | None = None
    list_id: UUID | None = None
    tag: Text = None
    created_from: Moment | None = None
    created_to: Moment | None = None
    q: Text = None
    custom: Annotated[dict[str, Value], Field(max_length=MOST)] = Field(default_factory=dict)


class MembersBody(BaseModel):
    """Which leads: these, or all that a filter finds. `{}` finds all of the company's."""

    model_config = ConfigDict(extra="forbid")

    lead_ids: Annotated[list[UUID] | None, Field(min_length=1, max_length=MOST_IDS)] = None
    filter: FilterBody | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.lead_ids is None) == (self.filter is None):
            raise ValueError("send either lead_ids or filter")
        return self

    @property
    def whom(self) -> LeadFilter | list[UUID]:
        if self.filter is None:
            return self.lead_ids or []
        return LeadFilter(**self.filter.model_dump())


class ListView(BaseModel):
    """A list."""

    id: UUID
    name: str
    description: str | None
    lead_count: int
    created_by: int
    created_at: datetime
    updated_at: datetime


class ListPage(BaseModel):
    """A page of lists."""

    items: list[ListView]
    next: UUID | None


class MembersView(BaseModel):
    """How many leads were put in or taken out, and how many there are now."""

    changed: int
    lead_count: int


def no_list(list_id: UUID) -> Refused:
    return Refused("not_found", f"There is no list {list_id}.")


@router.get("/lists", summary="Lists")
async def get_lists(
    caller: Viewer,
    deps: LeadDepsDep,
    limit: Annotated[int, Query(ge=1, le=100), Digits] = 50,
    cursor: UUID | None = None,
) -> ListPage:
    """In the order in which they were made; `next` goes on where a page ends."""
    found = await deps.grouping.page(caller.company_id, limit=limit + 1, after=cursor)
    shown = [ListView.model_validate(each) for each in found[:limit]]
    return ListPage(items=shown, next=shown[-1].id if len(found) > limit else None)


@router.post("/lists", status_code=201, openapi_extra=body_of(ListBody), summary="Make a list")
async def post_list(request: Request, response: Response, caller: Editor, deps: LeadDepsDep) -> ListView:
    """Its name is no other list's, whatever case."""
    body = await read_body(request, ListBody, most_bytes=deps.most_bytes)
    try:
        made = await deps.grouping.make(actor_of(caller), _named(body.name), line(body.description))
    except NameTaken:
        raise Refused("name_taken") from None
    response.headers["Location"] = f"{request.scope.get('root_path', '')}/api/v1/lists/{made['id']}"
    return ListView.model_validate(made)


@router.get("/lists/{list_id}", summary="One list")
async def get_list(list_id: ListId, caller: Viewer, deps: LeadDepsDep) -> ListView:
    """Who is in it: `GET /leads?list_id=…`."""
    found = await deps.grouping.one(caller.company_id, list_id)
    if found is None:
        raise no_list(list_id)
    return ListView.model_validate(found)


@router.patch("/lists/{list_id}", openapi_extra=body_of(ListEdit), summary="Change a list's name or description")
async def patch_list(list_id: ListId, request: Request, caller: Editor, deps: LeadDepsDep) -> ListView:
    """What is not named stays as it is."""
    body = await read_body(request, ListEdit, most_bytes=deps.most_bytes)
    try:
        found = await deps.grouping.change(
            caller.company_id,
            list_id,
            name=None if body.name is None else _named(body.name),
            describes="description" in body.model_fields_set,
            description=line(body.description),
        )
    except NameTaken:
        raise Refused("name_taken") from None
    if found is None:
        raise no_list(list_id)
    return ListView.model_validate(found)


@router.delete("/lists/{list_id}", status_code=204, summary="Delete a list")
async def delete_list(list_id: ListId, caller: Editor, deps: LeadDepsDep) -> Response:
    """Not the leads in it."""
    if not await deps.grouping.delete(caller.company_id, list_id):
        raise no_list(list_id)
    return Response(status_code=204)


@router.post("/lists/{list_id}/members", openapi_extra=body_of(MembersBody), summary="Put leads into a list")
async def post_members(list_id: ListId, request: Request, caller: Editor, deps: LeadDepsDep) -> MembersView:
    """Those that are in it already, or that the company does not have, are passed over."""
    body = await read_body(request, MembersBody, most_bytes=deps.most_bytes)
    found = await deps.grouping.add(caller.company_id, list_id, body.whom)
    if found is None:
        raise no_list(list_id)
    return MembersView(**found._asdict())


@router.delete("/lists/{list_id}/members", openapi_extra=body_of(MembersBody), summary="Take leads out of a list")
async def delete_members(list_id: ListId, request: Request, caller: Editor, deps: LeadDepsDep) -> MembersView:
    """Those that are not in it are passed over."""
    body = await read_body(request, MembersBody, most_bytes=deps.most_bytes)
    found = await deps.grouping.remove(caller.company_id, list_id, body.whom)
    if found is None:
        raise no_list(list_id)
    return MembersView(**found._asdict())


def _named(name: str) -> str:
    found = line(name)
    if found is None:
        raise Refused("request_invalid", "Not valid: name.")
    return found
