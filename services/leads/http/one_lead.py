"""A lead as a caller is shown it; that he saw it is written down."""

from uuid import UUID

from libs.common.web.caller import Caller
from libs.common.web.refusals import Refused
from services.leads.http.lead_deps import LeadDeps
from services.leads.http.lead_views import LeadView, lead_view
from services.leads.noting.store import LeadReader
from services.leads.recording.store import Actor

ACTIVITIES = 50
"""Entries of history that come with a lead."""


def actor_of(caller: Caller) -> Actor:
    return Actor(caller.company_id, caller.user_id)


def no_lead(lead_id: UUID) -> Refused:
    return Refused("not_found", f"There is no lead {lead_id}.")


async def shown_lead(
    deps: LeadDeps, caller: Caller, lead_id: UUID, *, limit: int = ACTIVITIES, before: UUID | None = None
) -> LeadView:
    """Return the lead with a page of its history. Raises Refused (404)."""
    reader = LeadReader(caller.user_id, deps.clock(), "lead")
    found = await deps.listing.one(caller.company_id, lead_id, reader=reader, limit=limit + 1, before=before)
    if found is None:
        raise no_lead(lead_id)
    return lead_view(*found, limit=limit)
