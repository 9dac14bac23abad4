"""What callers send about a lead and see of it. Users are the platform's numbers; leads are UUIDs."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from libs.common.messages import ID_LIMIT, Id
from libs.contracts.leads.events import Channel, LeadStatus
from services.leads.domain.custom_fields import Value

LONGEST_NOTE = 10_000


def _number(value: object) -> object:
    """Let a string of digits stand for its number."""
    is_number = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(ID_LIMIT))
    return int(value) if is_number else value  # type: ignore[call-overload]


UserId = Annotated[Id, BeforeValidator(_number)]


class StatusBody(BaseModel):
    """Where a lead shall stand."""

    model_config = ConfigDict(extra="forbid")

    status: LeadStatus
    notes: Annotated[str | None, Field(max_length=LONGEST_NOTE)] = None


class AssignBody(BaseModel):
    """Whose a lead shall be."""

    model_config = ConfigDict(extra="forbid")

    assigned_to: UserId | None


class ActivityBody(BaseModel):
    """What is written into a lead's history."""

    model_config = ConfigDict(extra="forbid")

    activity_type: Literal["note_added", "contacted"]
    description: Annotated[str, Field(min_length=1, max_length=LONGEST_NOTE)]


class CapturedView(BaseModel):
    """A lead as whoever made it is told."""

    id: UUID
    name: str
    email: str | None
    status: LeadStatus
    created_at: datetime


class LeadRow(BaseModel):
    """A lead in the list."""

    id: UUID | None
    name: str | None
    email: str | None
    status: LeadStatus
    source: str
    created_at: datetime
    phone: str | None
    company: str | None
    priority: str
    assigned_to: int | None
    channel: Channel
    import_id: int | None
    updated_at: datetime


class LeadPage(BaseModel):
    """A page of the list."""

    items: list[LeadRow]
    total: int
    total_is_exact: bool
    page: int
    limit: int
    next: str | None


class ActivityView(BaseModel):
    """An entry of a lead's history."""

    id: UUID
    activity_type: str
    description: str
    performed_by: int | None
    created_at: datetime


class LeadView(LeadRow):
    """One lead."""

    message: str | None
    notes: str | None
    first_name: str | None
    last_name: str | None
    job_title: str | None
    linkedin_url: str | None
    custom_fields: dict[str, Value] | None
    closed_at: datetime | None
    opportunity_id: UUID | None
    chat_id: str | None
    tags: list[str]
    lists: list[UUID]
    version: int
    activities: list[ActivityView]
    next_activities: UUID | None


class MovedView(BaseModel):
    """Where a lead stands."""

    id: UUID
    status: LeadStatus
    updated_at: datetime


class AssignedView(BaseModel):
    """Whose a lead is."""

    id: UUID
    assigned_to: int | None
    updated_at: datetime


def lead_view(lead: dict[str, Any], activities: list[dict[str, Any]], *, limit: int) -> LeadView:
    """Return a lead with a page of its history, of which one more than ``limit`` was read."""
    shown = activities[:limit]
    behind = shown[-1]["id"] if len(activities) > limit else None
    return LeadView.model_validate(lead | {"activities": shown, "next_activities": behind})
