"""Fields that a company has of its own: which values each type takes."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Literal

from libs.common.web.refusals import Detail, Refused, named, pointer_to
from libs.fields.custom_values import MOST_FIELDS
from libs.fields.text import tidy, trimmed

FieldType = Literal["string", "number", "boolean", "date"]
Value = str | bool | int | float

MOST = MOST_FIELDS
LONGEST = 1_000
"""Characters of a value."""
LARGEST = 1e15
"""Of a number, so that every reader of JSON has it exactly."""
KEY = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"

_WANTED: Mapping[FieldType, str] = {
    "string": f"a text of at most {LONGEST} characters",
    "number": "a number below 1e15",
    "boolean": "true or false",
    "date": "a date as 2026-11-28",
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def merged(
    present: Mapping[str, Value] | None, given: Mapping[str, Value | None], types: Mapping[str, FieldType]
) -> dict[str, Value] | None:
    """Return a lead's values with those that are given: null takes one away.

    Raises Refused (``request_invalid``) with each key that the company has no field of, and each value of another type.
    """
    wrong: list[Detail] = []
    result = dict(present or {})
    for key, value in given.items():
        at = pointer_to("custom_fields", key)
        if value is None:
            result.pop(key, None)
        elif key not in types:
            wrong.append(Detail("field_unknown", "The company has no such field.", pointer=at))
        elif (kept := _kept(types[key], value)) is None:
            wrong.append(Detail("field_type", f"Send {_WANTED[types[key]]}.", pointer=at))
        else:
            result[key] = kept
    if wrong:
        names = named((each.pointer or "/")[1:] for each in wrong)
        raise Refused("request_invalid", f"Not valid: {names}.", errors=wrong[:100], total_errors=len(wrong))
    return result or None


def read_value(text: str, kind: FieldType) -> Value | None:
    """Return what a text of a query says of a field of this type; None when it says nothing of the kind."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower())
    if kind == "number":
        try:
            number = float(text)
        except ValueError:
            return None
        if not abs(number) < LARGEST:
            return None
        return int(number) if number.is_integer() else number
    return _kept(kind, text)


def _kept(kind: FieldType, value: Value) -> Value | None:
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind == "number":
        # Not made a float: an integer of 400 digits has none.
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST
        return value if is_number else None
    if not isinstance(value, str):
        return None
    text = tidy(trimmed(value))
    if kind == "date":
        return text if _is_date(text) else None
    return text if len(text) <= LONGEST else None


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
