"""A person's or a company's name."""

from libs.fields.invalid_value import InvalidValue
from libs.fields.shown_errors import shows_error
from libs.fields.text import TEXT_LIMIT, tidy


def parse_name(text: str) -> str:
    """Return the name that a trimmed text holds: 1 to 255 characters on one line.

    Characters that no store takes are left out: nobody sees them in a spreadsheet. Raises InvalidValue with
    ``name_missing``, ``name_too_long``, ``cell_error`` where a spreadsheet shows an error instead.

    A zero is what a formula makes of a blank cell that it refers to, whether a spreadsheet shows it or not.
    """
    name = tidy(text)
    if not name or name == "0":
        raise InvalidValue("name_missing")
    if len(name) > TEXT_LIMIT:
        raise InvalidValue("name_too_long")
    if name[0] in "#E" and shows_error(name):
        raise InvalidValue("cell_error")
    return name
