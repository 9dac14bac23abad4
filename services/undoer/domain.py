"""Which leads are kept, and why: pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

KeptReason = Literal[
    "lead_deleted", "lead_converted", "lead_linked", "lead_changed", "chat_tagged", "chat_changed", "phone_taken"
]
PHONE_TAKEN: KeptReason = "phone_taken"
CHAT_CHANGED: KeptReason = "chat_changed"


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """What is known of a lead of the import: by whom it was touched since."""

    lead_id: int
    chat_id: str
    deleted: bool
    converted: bool
    linked: bool
    """With a patient or an attendance."""
    changed: bool
    tagged: bool
    """Somebody else has given its chat a tag, or taken one away."""


@dataclass(frozen=True, slots=True)
class KeptLead:
    """A lead that stays as it is, and why."""

    lead_id: int
    chat_id: str
    reason: KeptReason


@dataclass(frozen=True, slots=True)
class Portion:
    """Leads that are looked at together: chat ids behind ``after`` and up to ``end``, by lead id.

    ``taken_back``: they are deleted already, and their chats are next; else nothing has been done yet.
    """

    after: str
    end: str
    chat_ids: dict[int, str]
    taken_back: bool


def why_kept(lead: LeadFacts, *, chat_changed: bool) -> KeptReason | None:
    """Return why a lead is not taken back, or None: nobody has touched it, nor its chat."""
    reasons: Sequence[tuple[bool, KeptReason]] = (
        (lead.deleted, "lead_deleted"),
        (lead.converted, "lead_converted"),
        (lead.linked, "lead_linked"),
        (lead.changed, "lead_changed"),
        (lead.tagged, "chat_tagged"),
        (chat_changed, CHAT_CHANGED),
    )
    return next((reason for holds, reason in reasons if holds), None)


def divide(leads: Sequence[LeadFacts], changed_chats: Collection[str]) -> tuple[dict[int, str], list[KeptLead]]:
    """Return the chat ids, by lead id, of the leads that are taken back, and the leads that are kept."""
    kept = [
        KeptLead(lead.lead_id, lead.chat_id, reason)
        for lead in leads
        if (reason := why_kept(lead, chat_changed=lead.chat_id in changed_chats))
    ]
    staying = {each.lead_id for each in kept}
    return {lead.lead_id: lead.chat_id for lead in leads if lead.lead_id not in staying}, kept
