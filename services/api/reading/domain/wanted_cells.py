"""Of a file's rows the cells that the import is about, the five fields and further ones, as corrected by the caller."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from libs.common.web.refusals import Detail, Refused, pointer_to
from libs.contracts.lead_import.internal.carried_cells import CELL_LIMIT
from libs.contracts.lead_import.internal.messages import Outcome
from libs.spreadsheets.cell_faults import Faults
from libs.spreadsheets.columns import REPORT_COLUMNS, Columns, strict_columns
from libs.spreadsheets.cut_cells import is_cut
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.reader import Record
from services.api.reading.domain.kept_cells import kept

REPORTED_ROWS = 20
"""Rows of a report that are compared with what an import keeps, to find whose report it is."""
_THE_FIVE = strict_columns(FILE_COLUMNS)
_OUTCOMES = frozenset(Outcome)
"""What rows of a report say of themselves; any other word is none of ours, however long."""
_DIGITS_OF_A_ROW = 7
"""Excel's last row is 1,048,576."""


def check_columns(options: FileOptions, columns: Columns) -> None:
    """Raise Refused when the mapping names what the file does not have, or a field twice."""
    details = [
        Detail("header_not_found", "The file has no column of this name.", pointer=pointer_to("mapping", header))
        for header in columns.unknown
    ] + [
        Detail("field_repeated", f"More than one column is mapped to {field}.", pointer=pointer_to("mapping"))
        for field in columns.repeated
    ]
    if details:
        raise Refused(
            "data_invalid", "The mapping does not fit the file.", errors=details[:100], total_errors=len(details)
        )


class WantedCells:
    """Picks the cells of each row and puts corrections into them. A file of the five columns stays as it is.

    Of a report of ours it keeps what the first rows say of themselves in ``reported``.
    """

    def __init__(
        self,
        columns: Columns = _THE_FIVE,
        faults: Faults | None = None,
        corrections: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self._columns = columns
        self._names = (*FILE_COLUMNS, *(name for name, _ in columns.more))
        self._faults = {} if faults is None else faults
        self._corrections = {int(row): dict(fields) for row, fields in (corrections or {}).items()}
        self.reported: list[dict[str, Any]] = []
        self._check_fields()

    def _check_fields(self) -> None:
        """Raise Refused for corrections of what the file has no column for: no report could show them."""
        without = {name for name, at in zip(FILE_COLUMNS, self._columns.places, strict=True) if at is None}
        known = set(self._names) - without
        pointers = [
            pointer_to("corrections", row, field)
            for row, fields in self._corrections.items()
            for field in sorted(fields.keys() - known)
        ]
        # A missing column is told first, as such.
        if pointers and not self._columns.missing:
            raise _unknown("column_not_found", "The file has no column for this field.", pointers)

    def of(self, block: list[Record], *, has_long: bool = True) -> list[Record]:
        """Return the block's rows with the five cells, then those of further fields; a row with more cells than the
        header has has more than these. ``has_long``: a row of the block has more than ``CELL_LIMIT`` characters. The
        mark of a cell that was cut is looked for in such rows, and in all of a report.
        """
        columns = self._columns
        long = {number for number, cells in block if sum(map(len, cells)) > CELL_LIMIT} if has_long else set()
        if columns.is_report and len(self.reported) < REPORTED_ROWS:
            self.reported += islice(self._said_of_rows(block), REPORTED_ROWS - len(self.reported))
        if columns.width != len(FILE_COLUMNS) or not columns.are_the_five:
            wanted = columns.wanted if columns.more else columns.five
            block = [(number, wanted(cells)) for number, cells in block]
            if self._faults:
                self._move_faults(block)
        if columns.is_report:
            self._find_cut(block)
        elif long:
            self._find_cut(row for row in block if row[0] in long)
        if self._corrections:
            block = [
                (number, self._corrected(number, cells)) if number in self._corrections else (number, cells)
                for number, cells in block
            ]
        return block

    def check_all_corrected(self) -> None:
        """Raise Refused when corrections are left: the file has no such rows. Call it after the last block."""
        if self._corrections:
            pointers = [pointer_to("corrections", row) for row in self._corrections]
            raise _unknown("row_not_found", "The file has no such row.", pointers)

    def _corrected(self, number: int, cells: list[str]) -> list[str]:
        fields = self._corrections.pop(number)
        faults = self._faults.get(number, {})
        cells = list(cells)
        for place, name in enumerate(self._names):
            if name in fields:
                cells[place] = fields[name]
                faults.pop(place, None)
                if is_cut(cells[place]):
                    self._faults.setdefault(number, {})[place] = "cell_cut"
        return cells

    def _find_cut(self, block: Iterable[Record]) -> None:
        """Note which cells bear the mark of one that was cut, as a report of ours shows them."""
        for number, cells in block:
            for place, cell in enumerate(cells):
                if is_cut(cell):
                    self._faults.setdefault(number, {})[place] = "cell_cut"

    def _move_faults(self, block: list[Record]) -> None:
        """Let faults of the block's rows be known by the place among the wanted cells, not by the file's column."""
        for number, _ in block:
            found = self._faults.get(number)
            if found:
                places = enumerate((*self._columns.places, *(place for _, place in self._columns.more)))
                self._faults[number] = {
                    at: found[place] for at, place in places if place is not None and place in found
                }

    def _said_of_rows(self, block: list[Record]) -> Iterator[dict[str, Any]]:
        at = self._columns.width - len(REPORT_COLUMNS)
        for _, cells in block:
            if at + 2 <= len(cells) <= self._columns.width:
                row, outcome = (cell.strip() for cell in cells[at : at + 2])
                if row.isascii() and row.isdigit() and len(row) <= _DIGITS_OF_A_ROW and outcome in _OUTCOMES:
                    yield {"row": int(row), "outcome": outcome, "cells": kept(self._columns.five(cells))}


def _unknown(code: str, message: str, pointers: list[str]) -> Refused:
    details = [Detail(code, message, pointer=pointer) for pointer in pointers]
    return Refused("data_invalid", "Corrections do not fit the file.", errors=details[:100], total_errors=len(details))
