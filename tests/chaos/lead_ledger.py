"""What people were told of a company's leads, and what was said of these leads to subscribers."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from libs.contracts.leads.topics import LEAD_CHANGED, LEAD_CREATED, LEAD_DELETED, LEAD_STATUS_CHANGED
from tests.chaos.checker import ExpectedImport

TOPICS = tuple(each.name for each in (LEAD_CREATED, LEAD_STATUS_CHANGED, LEAD_CHANGED, LEAD_DELETED))

Change = tuple[str, str]
"""A lead's id and what was done: the action of its audit."""


@dataclass(slots=True)
class Ledger:
    """Of one company. What is asked again until it is answered is known; of the rest it may not be."""

    company_id: int
    list_id: str
    captured: dict[str, str] = field(default_factory=dict)
    """Which lead was answered to the form of this e-mail."""
    done: Counter[Change] = field(default_factory=Counter)
    unsure: Counter[Change] = field(default_factory=Counter)
    """Asked for once, and nobody answered."""
    moves: dict[str, str] = field(default_factory=dict)
    """The mark that an acknowledged move left in its lead's history → the lead."""
    notes: dict[str, str] = field(default_factory=dict)
    """As ``moves``, of notes."""
    opportunities: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """What those who converted a lead were answered."""
    listed: set[str] = field(default_factory=set)
    touched: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Chats of an import whose leads somebody is known to have changed."""
    perhaps: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Chats of an import whose leads somebody may have changed."""

    def of_import(self, expected: ExpectedImport) -> ExpectedImport:
        """Return what is expected of an import of the company when its leads were worked on, too."""
        if expected.company_id != self.company_id or expected.touched is None:
            return expected
        return replace(
            expected,
            touched=expected.touched | self.touched[expected.import_id],
            perhaps=expected.perhaps | self.perhaps[expected.import_id],
        )


def worked_on(expected: Sequence[ExpectedImport], ledgers: Sequence[Ledger]) -> list[ExpectedImport]:
    """Return what is expected of imports whose leads were worked on."""
    found = list(expected)
    for ledger in ledgers:
        found = [ledger.of_import(each) for each in found]
    return found


def _by_lead() -> dict[str, dict[str, Any]]:
    return defaultdict(dict)


@dataclass(slots=True)
class LeadNews:
    """The events of leads, by the lead and by ``ce_id``: a repeat counts once."""

    created: dict[str, dict[str, Any]] = field(default_factory=_by_lead)
    moved: dict[str, dict[str, Any]] = field(default_factory=_by_lead)
    """From where to where."""
    changed: dict[str, dict[str, Any]] = field(default_factory=_by_lead)
    """The version."""
    deleted: dict[str, dict[str, Any]] = field(default_factory=_by_lead)
    companies: dict[str, int] = field(default_factory=dict)

    def add(self, topic: str, events: Iterable[tuple[str, bytes | str]]) -> None:
        """Take in events: (``ce_id``, body)."""
        for ce_id, payload in events:
            body = json.loads(payload)
            lead = body["lead_id"]
            self.companies[lead] = body["company_id"]
            if topic == LEAD_CREATED.name:
                self.created[lead][ce_id] = body["channel"]
            elif topic == LEAD_STATUS_CHANGED.name:
                self.moved[lead][ce_id] = body["old_status"], body["new_status"]
            elif topic == LEAD_CHANGED.name:
                self.changed[lead][ce_id] = body["version"]
            else:
                self.deleted[lead][ce_id] = body["erased"]
