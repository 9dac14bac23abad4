"""Which of the fields that a company lacks its file fills: those are made, and no others. Pure."""

from collections.abc import Iterable, Sequence

from libs.common.web.refusals import Refused
from libs.fields.custom_values import MOST_FIELDS, OwnField
from libs.fields.more_fields import CUSTOM
from services.api.reading.domain.more_columns import MoreValues


class NewFields:
    """Finds, among the fields that columns may make, those of which a row that becomes a lead has a value."""

    def __init__(self, fields: Sequence[OwnField], columns: Sequence[str]) -> None:
        """``columns``: the further fields of the file, in the order of its rows' values."""
        self._fields = fields
        self._filled: set[str] = set()
        keys = {CUSTOM + field.key: field.key for field in fields}
        self._looked_for = {place: keys[name] for place, name in enumerate(columns) if name in keys}

    def add(self, rows: Iterable[MoreValues]) -> None:
        """Take the further values of rows that become leads."""
        if not self._looked_for:
            return
        for values in rows:
            for place in [place for place in self._looked_for if values[place] is not None]:
                self._filled.add(self._looked_for.pop(place))
            if not self._looked_for:
                return

    def filled(self) -> list[OwnField]:
        """Return the fields to make."""
        return [field for field in self._fields if field.key in self._filled]

    def check_room(self, present: int) -> None:
        """Raise Refused (``fields_too_many``) when the company, which has so many fields, has no room for them."""
        new = len(self._filled)
        if present + new > MOST_FIELDS:
            raise Refused(
                "fields_too_many",
                f"The company has {present} fields of its own and the file {new} more; {MOST_FIELDS} is the most.",
                facts={"present": present, "new": new, "most": MOST_FIELDS},
            )
