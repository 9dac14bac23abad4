"""Columns that are no known field become fields of the company's own: which ones, and of which type. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from types import MappingProxyType

from libs.fields.custom_values import PARSERS, FieldType, NumberText, OwnField
from libs.fields.invalid_value import InvalidValue
from libs.fields.more_fields import CUSTOM
from libs.fields.shown_errors import shows_error
from libs.fields.text import trimmed
from libs.spreadsheets.cell_faults import with_errors_shown
from libs.spreadsheets.columns import MOST_TOLD, header_key, header_told, named_places
from libs.spreadsheets.reader import Spreadsheet
from services.api.reading.domain.job import ReadingJob
from services.api.reading.domain.own_names import label_key, label_of, names_by_turn, new_keys

_SUREST_FIRST: tuple[FieldType, ...] = ("number", "date", "boolean")
_CODE = re.compile(r"\+.*|0\d.*|\d{9,}", re.ASCII)
"""What is written in digits and is no number: phones, documents, codes whose first zero would be lost."""
_OF_A_POSTCODE = re.compile(r"\d{8}", re.ASCII)
"""A postcode may begin with a zero, also where those of the first file do not. Sums of money are rarely all as long."""
_NAMES_CODES = re.compile(r"(?:.*_)?(?:cep|zip|zipcode|postcode|postal|codigo|code)(?:_.*)?")
"""A key that says that its column holds codes, of which others than these may begin with a zero."""


def with_kept_columns(job: ReadingJob, spreadsheet: Spreadsheet) -> tuple[ReadingJob, list[OwnField]]:
    """Return the job with a field for each column that has none, and those of these fields that the company lacks and
    for which there are values: ``NewFields`` tells which of them are stored.

    Reads the spreadsheet to its end: a type is what every value of the column is, as corrected. A field that the
    company has already keeps its type, whatever the values are. Columns without a header or whose cells are blank stay
    left out, those that the mapping names stay as it says, of columns for one field the one is taken that names it
    best, and of columns that callers are not told of none. A column that shows nothing but errors is kept, so that its
    rows are told as invalid, and makes no field: nothing says of which type.
    """
    fields, unknown = _fields_of_columns(job, spreadsheet)
    names = {place: CUSTOM + field.key for place, field in unknown.items()}
    types = {place: _TypeOfColumn(of_codes=bool(_NAMES_CODES.fullmatch(field.key))) for place, field in unknown.items()}
    if types:
        _look_at_values(spreadsheet, types, names, job)
    kept = {place: replace(unknown[place], type=found.type) for place, found in types.items() if found.has_cells}
    new = [field for place, field in kept.items() if types[place].has_values]
    fields |= {place: names[place] for place in kept}
    mapping = {spreadsheet.headers[place]: field for place, field in fields.items()}
    file = replace(job.file, mapping={**job.file.mapping, **mapping})
    types_of_kept = {field.key: field.type for field in kept.values()}
    return replace(job, file=file, custom_types={**job.custom_types, **types_of_kept}), new


def _fields_of_columns(job: ReadingJob, spreadsheet: Spreadsheet) -> tuple[dict[int, str], dict[int, OwnField]]:
    """Return the field of each column that names one, and of each other column the field that the company lacks."""
    left = _labels_of_further_columns(job, spreadsheet)
    taken = set(job.file.mapping.values())
    fields: dict[int, str] = {}
    # A turn for all columns, and then the next: the one that names a field best has it, wherever it stands.
    for form, names in names_by_turn(job.own_fields or ()):
        for place, label in list(left.items()):
            field = names.get(form(label))
            if field is None:
                continue
            del left[place]
            if field not in taken:
                taken.add(field)
                fields[place] = field
    firsts = {label_key(label): place for place, label in reversed(left.items())}  # of columns whose labels are alike
    new = {place: left[place] for place in sorted(firsts.values())}
    keys = new_keys(list(new.values()), job.custom_types)
    unknown = {place: OwnField(key, new[place], "string") for place, key in zip(new, keys, strict=True)}
    return fields, unknown


def _labels_of_further_columns(job: ReadingJob, spreadsheet: Spreadsheet) -> dict[int, str]:
    """Return the labels of the columns that neither hold a field nor are named by the mapping."""
    columns = spreadsheet.columns
    headers = spreadsheet.headers[: columns.own_width]
    mapped = set(named_places(headers, job.file.mapping, is_report=columns.is_report).values())
    titles: set[str] = set()
    found: dict[int, str] = {}
    for place, header in enumerate(headers[:MOST_TOLD]):
        title = header_told(header)
        is_second = title in titles  # of two columns under one header the mapping means the first
        titles.add(title)
        if header_key(header) and not is_second and place not in mapped and columns.field_of(place) is None:
            found[place] = label_of(header)
    return found


class _TypeOfColumn:
    """The surest type that all values so far are of.

    Numbers that may be codes are texts: another file of the company may bring one that begins with a zero.
    """

    __slots__ = ("_are_postcodes", "_of_codes", "_possible", "has_cells", "has_values")

    def __init__(self, *, of_codes: bool) -> None:
        self._possible = list(_SUREST_FIRST)
        self._of_codes, self._are_postcodes = of_codes, True
        self.has_cells = self.has_values = False

    @property
    def type(self) -> FieldType:
        kind: FieldType = self._possible[0] if self._possible and self.has_values else "string"
        return "string" if kind == "number" and (self._of_codes or self._are_postcodes) else kind

    def add(self, cells: Iterable[str]) -> None:
        # As they come: a column says the same again and again. A text may say what a number does, and less surely.
        found = list(cells)
        texts, numbers = dict.fromkeys(cell for cell in found if cell.__class__ is str), dict.fromkeys(found)
        for cell in [*texts, *(cell for cell in numbers if isinstance(cell, NumberText))]:
            text = cell if isinstance(cell, NumberText) else trimmed(cell)
            self.has_cells |= bool(text)
            if text and not shows_error(text):
                self.has_values = True
                if not self._possible:
                    return
                self._possible = [kind for kind in self._possible if _is_of(kind, text)]
                self._are_postcodes = self._are_postcodes and _OF_A_POSTCODE.fullmatch(text) is not None


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
