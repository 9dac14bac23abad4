"""Tags: names with commas between them."""

from functools import lru_cache

from libs.fields.invalid_value import InvalidValue
from libs.fields.shown_errors import shows_error
from libs.fields.text import TEXT_LIMIT, tidy, trimmed

TAGS_LIMIT = 5
"""Tags of one text."""


@lru_cache(maxsize=256)
def parse_tags(text: str) -> tuple[str, ...]:
    """Return the tag names of a trimmed text, in order, each once (compared by case folding).

    Characters that no store takes are left out: nobody sees them in a spreadsheet. Raises InvalidValue with
    ``tags_too_long`` over 255 characters of the whole text, ``tags_too_many`` over 5 names, ``cell_error`` where a
    spreadsheet shows an error instead of one.
    """
    text = tidy(text)
    if not text:
        return ()
    if len(text) > TEXT_LIMIT:
        raise InvalidValue("tags_too_long")
    if "," not in text:
        if shows_error(text):
            raise InvalidValue("cell_error")
        return (text,)
    names: dict[str, str] = {}
    for part in text.split(","):
        name = trimmed(part)
        if name:
            names.setdefault(name.casefold(), name)
    if len(names) > TAGS_LIMIT:
        raise InvalidValue("tags_too_many")
    if any(map(shows_error, names.values())):
        raise InvalidValue("cell_error")
    return tuple(names.values())
