"""What the users of the company are called: thin."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from libs.common.messages import ID_LIMIT
from libs.common.web.digits import Digits
from services.leads.http.lead_deps import LeadDepsDep, Viewer

router = APIRouter(prefix="/api/v1", tags=["Colleagues"])


class UserView(BaseModel):
    """A user of the company."""

    id: int
    name: str


class UserPage(BaseModel):
    """A page of users."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [{"id": 1, "name": "Ana Lima"}, {"id": 2, "name": "Caio Dias"}], "next": None}]
        }
    )

    items: list[UserView]
    next: int | None
    """Send it as `cursor`."""


@router.get("/users", summary="Colleagues")
async def get_users(
    caller: Viewer,
    deps: LeadDepsDep,
    limit: Annotated[int, Query(ge=1, le=100), Digits] = 100,
    cursor: Annotated[int, Query(ge=0, le=ID_LIMIT), Digits] = 0,
) -> UserPage:
    """The users whom leads of the company may be assigned to, by their ids; `next` goes on where a page ends."""
    found = await deps.colleagues.page(caller.company_id, limit=limit + 1, after=cursor)
    shown = [UserView.model_validate(each) for each in found[:limit]]
    return UserPage(items=shown, next=shown[-1].id if len(found) > limit else None)
