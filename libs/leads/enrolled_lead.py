"""A lead that is given its history and its place in the search: pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.leads.search_text import email_key, folded, phone_forms


@dataclass(frozen=True, slots=True)
class EnrolledLead:
    """A lead as its row has it."""

    lead_id: int
    public_id: UUID | None
    """None: it was made before leads had one, and ``leadflow reindex-leads`` has not been there yet."""
    name: str | None
    email: str | None
    phone: str | None
    dial_code: str | None
    country_code: str | None
    company_name: str | None
    first_name: str | None
    last_name: str | None
    source_id: int
    source: str
    created_at: datetime


def search_columns(leads: list[EnrolledLead]) -> dict[str, list[Any]]:
    """Return what the search keeps of leads, column by column; a lead's phones joined by blanks."""
    return {
        "lead_ids": [lead.lead_id for lead in leads],
        "folded": [folded(lead.name, lead.email, lead.company_name, lead.first_name, lead.last_name) for lead in leads],
        "emails": [email_key(lead.email) for lead in leads],
        "phones": [" ".join(phone_forms(lead.dial_code, lead.country_code, lead.phone)) for lead in leads],
        "source_ids": [lead.source_id for lead in leads],
        "descriptions": [f"Lead created from {lead.source}" for lead in leads],
        "times": [lead.created_at for lead in leads],
    }
