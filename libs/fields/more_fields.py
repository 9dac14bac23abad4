"""Fields that a file may have beside the five: those of every lead, and those that a company has of its own."""

from collections.abc import Callable, Mapping

from libs.fields.custom_values import KEY, PARSERS, FieldType, Value
from libs.fields.invalid_value import InvalidValue
from libs.fields.text import TEXT_LIMIT, tidy

MORE_FIELDS = ("first_name", "last_name", "company_name", "job_title", "linkedin_url", "notes")
"""Fields of every lead, named as their columns. All are texts, and may be empty."""
CUSTOM = "custom:"
"""What stands before the key of a field of the company's own."""
NOTES_LIMIT = 10_000
"""Characters of notes."""

MORE_PATTERN = rf"{'|'.join(MORE_FIELDS)}|{CUSTOM}{KEY}"
"""All names of such fields, as a regular expression."""

Parser = Callable[[str], Value | None]


def custom_key(field: str) -> str | None:
    """Return the key of a company's own field; None: it is a field of every lead."""
    return field.removeprefix(CUSTOM) if field.startswith(CUSTOM) else None


def parse_more_text(text: str) -> str | None:
    """Return a trimmed text on one line; None when it is empty. Raises InvalidValue (``text_too_long``)."""
    value = tidy(text)
    if len(value) > TEXT_LIMIT:
        raise InvalidValue("text_too_long")
    return value or None


def parse_notes(text: str) -> str | None:
    """Return trimmed lines; None when nothing is in them. Raises InvalidValue (``notes_too_long``)."""
    value = "\n".join(map(tidy, text.splitlines()))
    if len(value) > NOTES_LIMIT:
        raise InvalidValue("notes_too_long")
    return value or None


def parser_of(field: str, types: Mapping[str, FieldType]) -> Parser:
    """Return what reads trimmed cells of a field; ``types`` are those of the company's own fields, by key.

    Raises KeyError for a field that the company does not have.
    """
    key = custom_key(field)
    if key is None:
        return parse_notes if field == "notes" else parse_more_text
    parse = PARSERS[types[key]]
    return lambda text: parse(text) if text else None
