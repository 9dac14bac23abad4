"""Live rows by the forms in which the platform may hold their phones: pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from libs.fields.phone_forms import both_forms


class Phones(Protocol):
    """Columns of live rows: a chunk's, or what a preview keeps of them."""

    @property
    def country_code(self) -> Sequence[str]: ...

    @property
    def phone(self) -> Sequence[str]: ...


class PhonesOfImport(Protocol):
    """Live rows, and the import whose they are."""

    @property
    def import_id(self) -> int: ...

    @property
    def company_id(self) -> int: ...

    @property
    def account_id(self) -> int: ...

    @property
    def accepted_at(self) -> datetime: ...

    @property
    def live(self) -> Phones: ...


RowsByForm = dict[str, dict[str, int]]
"""ISO country code → national number → index of the row whose phone it is."""


def rows_by_form(live: Phones) -> RowsByForm:
    """Return each row by both forms of its phone: what the platform holds of old mobiles lacks the ninth digit."""
    rows: RowsByForm = {}
    for index, (country, phone) in enumerate(zip(live.country_code, live.phone, strict=True)):
        forms = rows.setdefault(country, {})
        for form in both_forms(country, phone):
            forms[form] = index
    return rows
