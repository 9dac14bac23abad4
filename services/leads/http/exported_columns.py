"""What a file of leads has in its columns: pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

COLUMNS = (
    *("id", "created_at", "updated_at", "status", "priority", "source", "channel", "import_id", "assigned_to", "name"),
    *("first_name", "last_name", "email", "phone", "company", "job_title", "linkedin_url", "message", "notes"),
)
TEMPLATE = ("firstName", "lastName", "email", "phone", "companyName", "jobTitle", "linkedinUrl", "notes")
"""The columns of a file of leads to be filled in."""
_CUSTOM = "custom."


def header_of(keys: Sequence[str]) -> list[str]:
    """Return the names of the columns, those of the company's own fields last."""
    return [*COLUMNS, *(f"{_CUSTOM}{key}" for key in keys)]


def cells_of(lead: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """Return a lead's cells."""
    custom = lead["custom_fields"] or {}
    return [*(_text(lead[column]) for column in COLUMNS), *(_text(custom.get(key)) for key in keys)]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return str(value)
