"""From what a caller asks for to conditions of SQL: each names an index that leads to its rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.contracts.leads.events import Channel, LeadStatus
from libs.leads.search_text import prefix_query, wanted_phone
from services.leads.domain.custom_fields import Value


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """What of a company's leads is asked for; None asks for no such thing."""

    status: LeadStatus | None = None
    source: str | None = None
    assigned_to: int | None = None
    channel: Channel | None = None
    import_id: int | None = None
    list_id: UUID | None = None
    tag: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    q: str | None = None
    custom: Mapping[str, Value] = field(default_factory=dict)
    """Values of the company's own fields."""

    @property
    def is_in_order(self) -> bool:
        """Whether an index has what is asked for in the list's order: all leads, those of a status, a colleague's.

        Those of a period, too: the list's order is that of the times.
        """
        return replace(self, status=None, assigned_to=None, created_from=None, created_to=None) == LeadFilter()

    @property
    def is_of_a_source(self) -> bool:
        """Whether leads are asked for by their source, and when they were made, alone: an index has these in order."""
        return (
            self.source is not None and replace(self, source=None, created_from=None, created_to=None) == LeadFilter()
        )

    @property
    def is_of_a_phone(self) -> bool:
        """Whether a phone is searched, which few leads have."""
        return self.q is not None and wanted_phone(self.q) is not None

    @property
    def may_be_common(self) -> bool:
        """Whether something is asked for that many leads may have, and that no index has in the list's order.

        Then all that have it would be collected before the first is shown: those of a tag, a list, an import; of words
        and of values even those of all companies, which their index does not tell apart. A phone is a few leads'.
        """
        return not (self.is_in_order or self.is_of_a_source or self.is_of_a_phone)

    @property
    def period(self) -> str:
        """Return the conditions of ``where`` on when leads were made: a walk in the list's order keeps to them."""
        return "".join(f" AND {_PERIOD[name]}" for name in _PERIOD if getattr(self, name) is not None)

    def where(self, *, by_index: bool = True) -> tuple[str, dict[str, Any]]:
        """Return conditions on ``l``, the leads, that begin with AND, and their values.

        Not ``by_index``: tags, lists, words and values are looked at in each lead that is read.
        """
        conditions: list[str] = []
        values: dict[str, Any] = {}
        for name, condition in (_CONDITIONS | (_BY_INDEX if by_index else _OF_A_LEAD)).items():
            value = getattr(self, name)
            if value is not None:
                conditions.append(condition)
                values[name] = value
        if self.status is LeadStatus.NEW:
            # As the partial index has it that holds all others.
            conditions.append("l.status = 'new'")
        elif self.status is not None:
            conditions.append(f"{_COMPANY} AND l.status = :status AND l.status <> 'new'")
            values["status"] = self.status.value
        if self.custom:
            conditions.append(_VALUES_BY_INDEX if by_index else "l.custom_fields @> CAST(:custom AS jsonb)")
            values["custom"] = json.dumps(dict(self.custom))
        if self.q is not None:
            self._search(self.q, conditions, values, words=_WORDS_BY_INDEX if by_index else _WORDS_OF_A_LEAD)
        return "".join(f" AND {condition}" for condition in conditions), values

    def _search(self, text: str, conditions: list[str], values: dict[str, Any], *, words: str) -> None:
        forms = wanted_phone(text)
        if forms is not None:
            conditions.append(_found("crm.leads_with_phones(CAST(:phones AS text[]))"))
            values["phones"] = forms
            return
        query = prefix_query(text)
        conditions.append("false" if query is None else words)
        if query is not None:
            values["words"] = query


def _found(ids: str) -> str:
    """Return the condition that a lead is one of these.

    As an array they are looked up. After ``IN`` all leads may be read in the list's order, until a page of those that
    were found is full.
    """
    return f"l.id = ANY(ARRAY(SELECT {ids}))"


_VALUES_BY_INDEX = _found("crm.leads_with_values(CAST(:custom AS jsonb))")
_WORDS_BY_INDEX = _found("crm.leads_with_words(to_tsquery('simple', :words))")
# As a scalar it is looked up for each lead: a join might begin with the index of words.
_WORDS_OF_A_LEAD = (
    "(SELECT s.words FROM crm.lead_search s WHERE s.lead_id = l.id AND s.company_id = :company_id)"
    " @@ to_tsquery('simple', :words)"
)
# The list asks for the company as its own index begins, the indexes of few leads begin with the column.
_COMPANY = "l.company_id = :company_id"
_PERIOD = {"created_from": "l.created_at >= :created_from", "created_to": "l.created_at < :created_to"}
_CONDITIONS = {
    "source": "l.source_id = ANY(ARRAY(SELECT id FROM amigocare.lead_sources WHERE lower(name) = lower(:source)))",
    "assigned_to": f"{_COMPANY} AND l.assigned_to = :assigned_to",
    "channel": (
        "l.channel_id = (SELECT id FROM amigocare.lead_channels WHERE name = :channel AND NOT is_deleted)"
        " AND (:channel = 'IMPORT' OR l.import_id IS NULL)"
    ),
    **_PERIOD,
}
_TAGS = (
    "amigocare.chat_tags c JOIN amigocare.tags t ON t.id = c.tag_id AND NOT t.is_deleted"
    " WHERE NOT c.is_deleted AND t.company_id = :company_id"
)
_MEMBERS = "crm.lead_list_members m WHERE m.list_id = :list_id AND m.company_id = :company_id"
_BY_INDEX = {
    "import_id": _found(
        "i.id FROM amigocare.amigocare_leads i WHERE i.import_id = :import_id AND i.company_id = :company_id"
    ),
    "list_id": _found(f"m.lead_id FROM {_MEMBERS}"),
    "tag": _found(f"c.lead_id FROM {_TAGS} AND lower(t.name) = lower(:tag)"),
}
# As scalars, again: after EXISTS or IN all leads of the tag may be collected first.
_OF_A_LEAD = {
    "import_id": "l.import_id = :import_id",
    "list_id": f"(SELECT m.lead_id FROM {_MEMBERS} AND m.lead_id = l.id) IS NOT NULL",
    "tag": f"lower(:tag) = ANY(ARRAY(SELECT lower(t.name) FROM {_TAGS} AND c.lead_id = l.id))",
}
