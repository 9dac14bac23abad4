"""Whether a CSV's record of several lines is one row, or more of them that a quotation mark without its like made one.

Pure. A mark that is missing or stray swallows whole rows: what stands between it and the next one becomes a cell.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import dropwhile

from libs.fields.invalid_value import InvalidValue
from libs.fields.phone_text import BEFORE_DIGITS, SEPARATORS, with_plain_phones
from libs.fields.phones import parse_phone
from libs.fields.text import trimmed
from libs.spreadsheets.columns import ALIASES, header_key
from libs.spreadsheets.csv_lines import LINE_ENDS
from libs.spreadsheets.header import FILE_COLUMNS

_SHORTEST, _WITH_AREA = 8, 10
"""Digits of a phone; shorter ones than the second, in an address, are its postal code."""
_LONGEST_PHONE = 100
_MOST_LONG_TITLES = 2_000
"""Lines of long titles in a header of several lines; each is compared with phones, which takes a while. One that has
more is taken for rows that it has swallowed."""
_PHONE_WORDS = frozenset(map(header_key, ALIASES["phone"]))
_PHONE_LIKE = re.compile(r"\d{8}|\d{4,5}[ .-]\d{4}")
"""Also among other words, so that not all separators count: 2024/2025 is no phone."""
_BETWEEN = rf'\x00-\x1f\x7f-\x9f"{SEPARATORS}'
"""What a phone that is all of a cell may have around its digits: what is trimmed, and a stray mark, too."""


def holds_a_row(cells: Sequence[str], separator: str, width: int) -> bool:
    """Tell whether a record of several lines may be more than one row: it has too many cells, or one with others in it.

    A name may have two lines. A separator and a phone it does not have, nor blank cells, nor as many as a row: those
    are another row's. ``width`` is how many cells the header has.
    """
    return len(cells) > max(width, len(FILE_COLUMNS)) or any(
        _is_row(with_plain_phones(cell), separator, of_tags=column == len(FILE_COLUMNS) - 1)
        for column, cell in enumerate(cells)
        if separator in cell and LINE_ENDS.search(cell)
    )


def holds_a_person(titles: Sequence[str]) -> bool:
    """Tell whether a line of a header of several lines is a phone: then it has swallowed the first row. Its width tells
    nothing of that, being its own. A title may have a phone beside words, or below a word for phones, as an example.
    """
    left = _MOST_LONG_TITLES
    for title in titles:
        if len(title) < _SHORTEST:
            continue  # a hostile header has millions of blank ones
        first, *below = LINE_ENDS.split(title, maxsplit=left)
        left -= 1 + len(below)
        if left <= 0:
            return True
        if _is_phone(first) or (any(map(_is_phone, below)) and header_key(first) not in _PHONE_WORDS):
            return True
    return False


def _is_phone(line: str) -> bool:
    if len(line) > _LONGEST_PHONE or sum(map(str.isdigit, line)) < _SHORTEST:
        return False
    try:
        parse_phone(trimmed(line.strip('"')))
    except InvalidValue:
        return False
    return True


def is_one_of_even_rows(cells: Sequence[str], separator: str, width_of_all: Callable[[], int | None]) -> bool:
    """Tell whether such a record is one row for certain, because all rows of the file have as many cells as it has.

    Programs write files so, and notes with phones, and addresses with many commas. A row that was swallowed would have
    brought all of its separators along, and none of the cells with line breaks has room for so many. Where a phone is
    all that stands between two separators, it is taken for a row's all the same: somebody may have typed one that is
    short. ``width_of_all`` returns how many cells each record has, or None.
    """
    several = [(column, cell) for column, cell in enumerate(cells) if LINE_ENDS.search(cell)]
    if any(_phone_beside(separator, _WITH_AREA).search(with_plain_phones(cell)) for _, cell in several):
        return False
    width = width_of_all()
    if width != len(cells):
        return False
    left = [(column, counts) for column, cell in several if (counts := _separators(cell, separator, width)) is not None]
    # Which column a swallowed row began in is certain as long as nothing left of it was swallowed; which one the last
    # ended in, as long as nothing right of it was.
    left = list(dropwhile(lambda each: each[1][0] < width - 1 - each[0], left))
    return not list(dropwhile(lambda each: each[1][1] < each[0], reversed(left)))


def _separators(cell: str, separator: str, width: int) -> tuple[int, int] | None:
    """Return how many stand in a cell's first and last line; None: there is a line between that is no whole row."""
    first, *between, last = LINE_ENDS.split(cell)
    if any(line.count(separator) < width - 1 for line in between if line.strip()):
        return None
    return first.count(separator), last.count(separator)


def _is_row(cell: str, separator: str, *, of_tags: bool) -> bool:
    if _PHONE_LIKE.search(cell) or _phone_beside(separator, _SHORTEST).search(cell):
        return True
    if (3 if of_tags else 2) * separator in cell:  # tags are divided by commas, of which somebody typed one too many
        return True
    return not of_tags and _as_many_as_a_row(separator).search(cell) is not None


@cache
def _phone_beside(separator: str, least: int) -> re.Pattern[str]:
    """Return what finds a phone of so many digits or more that is all of a cell, beside another one in its line."""
    separator = re.escape(separator)
    in_its_cell = f"(?![{separator}\\r\\n])"
    before = rf"(?:{in_its_cell}[{_BETWEEN}'+])*+"
    phone = rf"{before}(?:{BEFORE_DIGITS}{before})?+(?:\d(?:{in_its_cell}[{_BETWEEN}])*+){{{least},}}+"
    return re.compile(rf"{separator}{phone}(?=[{separator}\r\n]|\Z)|(?:\A|[\r\n]){phone}(?={separator})")


@cache
def _as_many_as_a_row(separator: str) -> re.Pattern[str]:
    """Return what finds as many cells in a line as a row has."""
    separator = re.escape(separator)
    return re.compile(rf"{separator}(?:[^{separator}\r\n]*+{separator}){{{len(FILE_COLUMNS) - 2}}}")
