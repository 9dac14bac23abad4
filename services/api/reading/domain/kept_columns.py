"""Columns that are no known field become fields of the company's own: which ones, and of which type. Pure."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from types import MappingProxyType

from libs.fields.custom_values import LONGEST_KEY, PARSERS, FieldType, OwnField
from libs.fields.invalid_value import InvalidValue
from libs.fields.more_fields import CUSTOM, MORE_FIELDS
from libs.fields.shown_errors import shows_error
from libs.fields.text import TEXT_LIMIT, tidy, trimmed, with_few_marks
from libs.spreadsheets.cell_faults import with_errors_shown
from libs.spreadsheets.columns import MOST_TOLD, header_key, header_told, named_places
from libs.spreadsheets.reader import Spreadsheet
from services.api.reading.domain.job import ReadingJob

_SUREST_FIRST: tuple[FieldType, ...] = ("number", "date", "boolean")
_CODE = re.compile(r"\+.*|0\d.*|\d{9,}", re.ASCII)
"""What is written in digits and is no number: phones, documents, codes whose first zero would be lost."""
_NOT_IN_A_KEY = re.compile(r"[^a-z0-9]+")
_NAMELESS = "field_"


def with_kept_columns(job: ReadingJob, spreadsheet: Spreadsheet) -> tuple[ReadingJob, list[OwnField]]:
    """Return the job with a field for each column that has none, and those of these fields that the company lacks and
    for which there are values: ``NewFields`` tells which of them are stored.

    Reads the spreadsheet to its end: a type is what every value of the column is, as corrected. A field that the
    company has already keeps its type, whatever the values are. Columns without a header or whose cells are blank stay
    left out, those that the mapping names stay as it says, of two columns for one field the first is taken, and of
    columns that callers are not told of none. A column that shows nothing but errors is kept, so that its rows are told
    as invalid, and makes no field: nothing says of which type.
    """
    fields, unknown = _fields_of_columns(job, spreadsheet)
    names = {place: CUSTOM + field.key for place, field in unknown.items()}
    types = {place: _TypeOfColumn() for place in unknown}
    if types:
        _look_at_values(spreadsheet, types, names, job)
    kept = {place: replace(unknown[place], type=found.type) for place, found in types.items() if found.has_cells}
    new = [field for place, field in kept.items() if types[place].has_values]
    fields |= {place: names[place] for place in kept}
    mapping = {spreadsheet.headers[place]: field for place, field in fields.items()}
    file = replace(job.file, mapping={**job.file.mapping, **mapping})
    types_of_kept = {field.key: field.type for field in kept.values()}
    return replace(job, file=file, custom_types={**job.custom_types, **types_of_kept}), new


def key_of(header: str) -> str:
    """Return the key of a field that is named by a header: its letters without accents, digits, underscores."""
    key = _NOT_IN_A_KEY.sub("_", _plain(header)).strip("_")[: LONGEST_KEY - len(_NAMELESS)].rstrip("_")
    if key[:1].isalpha():
        return key
    # Of letters that are none of ours nothing is left; the same header is the same field in the next file all the same.
    return _NAMELESS + (key or hashlib.sha256(header_key(header).encode()).hexdigest()[:8])


def _plain(header: str) -> str:
    decomposed = unicodedata.normalize("NFKD", with_few_marks(trimmed(header)[:TEXT_LIMIT])).casefold()
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))


def _fields_of_columns(job: ReadingJob, spreadsheet: Spreadsheet) -> tuple[dict[int, str], dict[int, OwnField]]:
    """Return the field of each column that names one, and of each other column the field that the company lacks."""
    known = _known_words(job.own_fields or ())
    columns = spreadsheet.columns
    headers = spreadsheet.headers[: columns.own_width]
    mapped = set(named_places(headers, job.file.mapping, is_report=columns.is_report).values())
    titles: set[str] = set()
    taken = set(job.file.mapping.values())
    fields: dict[int, str] = {}
    unknown: dict[int, OwnField] = {}
    for place, header in enumerate(headers[:MOST_TOLD]):
        word, title = header_key(header), header_told(header)
        is_second = title in titles  # of two columns under one header the mapping means the first
        titles.add(title)
        if not word or is_second or place in mapped or columns.field_of(place) is not None:
            continue
        key = key_of(header)
        field = known.get(word) or known.get(word.replace(" ", "")) or CUSTOM + key
        if field in taken:
            continue
        taken.add(field)
        if field == CUSTOM + key and key not in job.custom_types:
            unknown[place] = OwnField(key, tidy(trimmed(header))[:TEXT_LIMIT], "string")
        else:
            fields[place] = field
    return fields, unknown


def _known_words(own: Sequence[OwnField]) -> dict[str, str]:
    """Return the field of each word that names one: a lead's further fields, labels, and keys as a template has them.

    Words of further fields are without blanks: ``first_name`` and ``firstName`` are one.
    """
    words = {field.replace("_", ""): field for field in MORE_FIELDS}
    for field in reversed(own):
        words[header_key(CUSTOM + field.key)] = words[header_key(field.label)] = CUSTOM + field.key
    return words


class _TypeOfColumn:
    """The surest type that all values so far are of."""

    __slots__ = ("_possible", "has_cells", "has_values")

    def __init__(self) -> None:
        self._possible = list(_SUREST_FIRST)
        self.has_cells = self.has_values = False

    @property
    def type(self) -> FieldType:
        return self._possible[0] if self._possible and self.has_values else "string"

    def add(self, cells: Iterable[str]) -> None:
        # As they come: a column says the same again and again.
        for cell in dict.fromkeys(cells):
            text = trimmed(cell)
            self.has_cells |= bool(text)
            if text and not shows_error(text):
                self.has_values = True
                if not self._possible:
                    return
                self._possible = [kind for kind in self._possible if _is_of(kind, text)]


def _is_of(kind: FieldType, text: str) -> bool:
    if kind == "number" and _CODE.fullmatch(text):
        return False
    try:
        PARSERS[kind](text)
    except InvalidValue:
        return False
    return True


def _look_at_values(
    spreadsheet: Spreadsheet, types: dict[int, _TypeOfColumn], names: dict[int, str], job: ReadingJob
) -> None:
    corrections = {int(row): fields for row, fields in job.corrections.items()}
    for place, found in types.items():
        # Kept whatever it is corrected to, for a correction of a column that is left out fits no file.
        found.has_cells = any(names[place] in fields for fields in corrections.values())
    rows = islice(spreadsheet.rows, job.limits.max_rows + 1)
    while block := list(islice(rows, _ROWS_AT_ONCE)):
        faults = spreadsheet.faults
        if faults:
            block = [(at, with_errors_shown(cells, faults[at]) if at in faults else cells) for at, cells in block]
        corrected = any(at in corrections for at, _ in block)
        for place, found in types.items():
            if corrected:
                name = names[place]
                found.add(corrections.get(at, _NONE).get(name, cells[place]) for at, cells in block)
            else:
                found.add([cells[place] for _, cells in block])


_ROWS_AT_ONCE = 500
_NONE: Mapping[str, str] = MappingProxyType({})
