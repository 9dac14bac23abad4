"""Cells of further columns become values, or the rules that they break."""

from collections.abc import Mapping, Sequence

from libs.common.web.refusals import Detail
from libs.contracts.lead_import.internal.carried_cells import MoreValue
from libs.fields.custom_values import FieldType, NumberText
from libs.fields.invalid_value import InvalidValue
from libs.fields.more_fields import parser_of
from libs.fields.shown_errors import shows_error
from libs.fields.text import all_trimmed
from libs.spreadsheets.cell_faults import CellFault
from libs.spreadsheets.header import FILE_COLUMNS
from services.api.reasons import ROW_ERRORS

MoreValues = list[MoreValue]
"""A row's values, in the order of the fields."""


class MoreColumns:
    """Reads the cells that stand behind the five. Raises KeyError for a field of no known type."""

    def __init__(self, fields: Sequence[str], types: Mapping[str, FieldType], *, max_cell_chars: int) -> None:
        self.fields = tuple(fields)
        self.width = len(FILE_COLUMNS) + len(self.fields)
        self._parsers = [parser_of(field, types) for field in fields]
        self._max_cell_chars = max_cell_chars

    def of_rows(self, rows: Sequence[list[str]]) -> list[MoreValues] | None:
        """Return the values of rows of ``width`` cells, or None when not all are valid."""
        try:
            return [self._values(cells) for cells in rows]
        except InvalidValue:
            return None

    def of_row(self, row: int, cells: list[str], faults: Mapping[int, CellFault]) -> MoreValues | list[Detail]:
        """Return the values of a row of ``width`` cells, or one entry for every cell that breaks a rule: never none."""
        broken: list[Detail] = []
        values: MoreValues = []
        more = cells[len(FILE_COLUMNS) :]
        texts = all_trimmed(more)
        for place, (field, cell, text, parse) in enumerate(zip(self.fields, more, texts, self._parsers, strict=True)):
            code: str | None = faults.get(len(FILE_COLUMNS) + place)
            if code is None and len(cell) > self._max_cell_chars:
                code = "cell_too_long"
            if code is None and shows_error(text):
                code = "cell_error"
            if code is None:
                try:
                    values.append(parse(_value_of(cell, text)))
                except InvalidValue as invalid:
                    code = invalid.code
            if code is not None:
                broken.append(Detail(code=code, message=ROW_ERRORS[code], row=row, column=field))
        return broken or values

    def _values(self, cells: list[str]) -> MoreValues:
        more = cells[len(FILE_COLUMNS) :]
        if max(map(len, more)) > self._max_cell_chars:
            raise InvalidValue("value_too_long")
        texts = all_trimmed(more)
        if any(map(shows_error, texts)):
            raise InvalidValue("cell_error")
        return [parse(_value_of(*each)) for parse, *each in zip(self._parsers, more, texts, strict=True)]


def _value_of(cell: str, trimmed: str) -> str:
    """Return what a cell's value is read from: its text, of which a number tells more than what is left of it."""
    return cell if isinstance(cell, NumberText) else trimmed
