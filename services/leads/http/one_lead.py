"""A lead as a caller is shown it; that he saw it is written down."""

from collections.abc import Iterable
from uuid import UUID

from libs.common.web.caller import Caller
from libs.common.web.refusals import Refused
from services.leads.http.lead_deps import LeadDeps
from services.leads.http.lead_views import LeadView, lead_view
from services.leads.listing.access_log import Seen, Shown
from services.leads.recording.store import Actor

ACTIVITIES = 50
"""Entries of history that come with a lead."""


def actor_of(caller: Caller) -> Actor:
    return Actor(caller.company_id, caller.user_id)


def no_lead(lead_id: UUID) -> Refused:
    return Refused("not_found", f"There is no lead {lead_id}.")


async def note_shown(deps: LeadDeps, caller: Caller, lead_ids: Iterable[int], shown: Shown) -> None:
    """Write down that the caller is about to see these leads."""
    now = deps.clock()
    await deps.access.note(caller.company_id, [Seen(each, caller.user_id, now, shown) for each in lead_ids])


async def shown_lead(
    deps: LeadDeps, caller: Caller, lead_id: UUID, *, limit: int = ACTIVITIES, before: UUID | None = None
) -> LeadView:
    """Return the lead with a page of its history. Raises Refused (404)."""
    lead = await deps.listing.one(caller.company_id, lead_id)
    if lead is None:
        raise no_lead(lead_id)
    history = await deps.listing.activities(caller.company_id, lead["lead_id"], limit=limit + 1, before=before)
    await note_shown(deps, caller, [lead["lead_id"]], "lead")
    return lead_view(lead, history, limit=limit)
