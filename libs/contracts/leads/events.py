"""What becomes of a lead. ``LeadCreated`` names a person by his address; the others hold ids and words of ours."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from libs.common.messages import Id, Message

Channel = Literal["IMPORT", "FORM", "MANUAL"]
"""The door that a lead came through."""


class LeadStatus(StrEnum):
    """Column ``amigocare_leads.status``, in the order of the pipeline: won and lost are its end."""

    NEW = "new"
    CONTACTED = "contacted"
    QUALIFIED = "qualified"
    PROPOSAL = "proposal"
    CLOSED_WON = "closed_won"
    CLOSED_LOST = "closed_lost"


class LeadCreated(Message):
    """A new lead. ``import_id`` is that of its import, or null for one of the public form or of a person's hand."""

    event_type: str = "LeadCreated"
    lead_id: UUID
    email: str | None
    source: str
    timestamp: datetime
    company_id: Id
    channel: Channel
    import_id: Id | None = None


class LeadStatusChanged(Message):
    """A lead stands elsewhere in the pipeline."""

    event_type: str = "LeadStatusChanged"
    lead_id: UUID
    old_status: LeadStatus
    new_status: LeadStatus
    timestamp: datetime
    company_id: Id


class LeadChanged(Message):
    """Fields of a lead have other values: their names alone. A greater ``version`` is later."""

    lead_id: UUID
    company_id: Id
    version: Annotated[int, Field(ge=1)]
    fields: list[str]
    timestamp: datetime


class LeadDeleted(Message):
    """A lead is no more; with ``erased`` nothing of ours says any longer who it was."""

    lead_id: UUID
    company_id: Id
    erased: bool
    timestamp: datetime
