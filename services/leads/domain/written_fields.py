"""What people write into a lead's fields, as it is kept."""

from typing import Annotated, Literal

from pydantic import Field

from libs.fields.emails import parse_email
from libs.fields.invalid_value import InvalidValue
from libs.fields.names import parse_name
from libs.fields.text import tidy, trimmed

Source = Literal["website", "referral", "social", "other"]
Priority = Literal["low", "medium", "high"]
Short = Annotated[str, Field(max_length=255)]

LONGEST_TEXT = 10_000
"""Characters of a message or a note."""


def name_of(text: str) -> str:
    """Return a name. Raises InvalidValue."""
    return parse_name(trimmed(text))


def email_of(text: str) -> str:
    """Return an address. Raises InvalidValue (``email_invalid``, ``email_too_long``)."""
    found = parse_email(trimmed(text))
    if found is None:
        raise InvalidValue("email_invalid")
    return found


def line(text: str | None) -> str | None:
    """Return a text of one line; None when nothing is in it."""
    return tidy(trimmed(text or "")) or None


def lines(text: str | None) -> str | None:
    """Return a text of several lines without what no store takes; None when nothing is in it."""
    return "\n".join(tidy(each) for each in trimmed(text or "").splitlines()) or None
