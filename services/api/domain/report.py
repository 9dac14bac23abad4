"""Rows that did not become leads, as a file with the upload's own columns: correct it and import it again.

Cells that a spreadsheet would run as formulas get an apostrophe, which the file reader takes off again, so
what is imported again is what was uploaded, but for characters that no file of the kind can hold.
"""

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from libs.contracts.lead_import.internal.carried_cells import COLUMNS
from services.api.domain.cells import neutralised

if TYPE_CHECKING:
    from openpyxl.cell import Cell

_BLOCK = 1 << 16
_BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel reads the CSV as Windows-1252."""

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""How Office Open XML writes characters that XML cannot keep (ECMA-376, ST_Xstring): _x000D_ is a carriage return."""


def csv_header() -> bytes:
    """Return the beginning of a CSV report: byte order mark and the five names."""
    return (_BYTE_ORDER_MARK + _csv([COLUMNS])).encode()


def csv_rows(rows: Iterable[list[str]]) -> bytes:
    """Return rows of original cells as the next lines of a CSV report."""
    return _csv([neutralised(cell) for cell in cells] for cells in rows).encode()


def _csv(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


class XlsxReport:
    """An XLSX report whose rows are added in portions: they go to a temporary file, memory stays flat."""

    def __init__(self) -> None:
        # As long to import as the rest of the api's own code: who asks for a workbook waits, not every start.
        from openpyxl import Workbook  # noqa: PLC0415
        from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415

        self._special_cell = WriteOnlyCell
        self._workbook = Workbook(write_only=True)
        self._sheet = self._workbook.create_sheet("leads")
        self._sheet.append(COLUMNS)

    def add(self, rows: Iterable[list[str]]) -> None:
        """Append rows of original cells, all as text."""
        for cells in rows:
            self._sheet.append([self._text(neutralised(cell)) for cell in cells])

    def finish(self) -> Iterator[bytes]:
        """Yield the finished file in blocks."""
        with tempfile.TemporaryFile() as file:
            self._workbook.save(file)
            file.seek(0)
            while block := file.read(_BLOCK):
                yield block

    def _text(self, cell: str) -> "Cell | str | None":
        if not cell.isprintable() or "_x" in cell:
            cell = _LOOKS_ESCAPED.sub("_x005F_", _NOT_IN_XML.sub("", cell)).replace("\r", "_x000D_")
        if not cell or cell.isspace():
            return None
        if cell[0] != "#":
            return cell
        as_text = self._special_cell(self._sheet, cell)  # openpyxl takes "#N/A" for an error
        as_text.data_type = "s"
        return as_text


def xlsx_report(rows: Iterable[list[str]]) -> bytes:
    """Return a whole XLSX report of rows of original cells."""
    report = XlsxReport()
    report.add(rows)
    return b"".join(report.finish())
