"""Rows of text as a CSV or XLSX file, which harms nobody who opens it.

Cells that a spreadsheet would run as formulas get an apostrophe, which ``read_spreadsheet`` takes off again: what is
read again is what was written, but for characters that no file of the kind can hold; of these what ends a line becomes
a plain line's end.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from libs.spreadsheets.cut_cells import cut
from libs.spreadsheets.formulas import neutralised
from libs.spreadsheets.limits import EXCEL_CELL_LIMIT

if TYPE_CHECKING:
    from openpyxl.cell import Cell

_BLOCK = 1 << 16
_BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel reads the CSV as Windows-1252."""

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LINE_ENDS_NOT_IN_XML = re.compile("\r?[\x0b\x0c\x1c-\x1e]")
"""What ends a line, in notes, or parts words, elsewhere, and no workbook can hold; a carriage return before is not to
be taken for half of the line's end that stands there instead."""
_PHONE = re.compile(r"\+[0-9][0-9 ().-]{6,24}")
"""What a spreadsheet would at worst take for a number, in a cell of text not even that."""
_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""How Office Open XML writes characters that XML cannot keep (ECMA-376, ST_Xstring): _x000D_ is a carriage return."""

_RETURN = re.compile("\r\n?")

_ROOM_OF_A_MARK = 20

SEPARATOR = ";"
"""What Excel divides lines at where a comma divides a number's digits, as in Brazil."""
_QUOTED = re.compile('[",;\t\r\n]')
"""Cells that hold one of these stand between quotation marks, whichever of them divides this file."""


def csv_header(columns: Sequence[str], separator: str = SEPARATOR) -> bytes:
    """Return the beginning of a CSV file: byte order mark and the names of its columns, made harmless, too."""
    return _BYTE_ORDER_MARK.encode() + csv_rows([columns], separator)


def csv_rows(rows: Iterable[Sequence[str]], separator: str = SEPARATOR) -> bytes:
    """Return rows of cells as the next lines of a CSV file."""
    return _csv((map(neutralised, cells) for cells in rows), separator)


def _csv(rows: Iterable[Iterable[str]], separator: str) -> bytes:
    return "".join(f"{separator.join(map(_quoted, cells))}\r\n" for cells in rows).encode()


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell


class XlsxWriter:
    """An XLSX file whose rows are added in portions: they go to files in ``folder``, memory stays flat.

    ``title`` is the sheet's name, ``columns`` its first row, ``widths`` how wide they are, in characters. The folder is
    the caller's, who removes it with what is in it, also when the file is never finished.
    """

    def __init__(self, title: str, columns: Sequence[str], folder: Path, *, widths: Sequence[float] = ()) -> None:
        # openpyxl takes as long to import as all else that a service needs, so it is imported when somebody asks for a
        # workbook, and not at every start.
        from openpyxl import Workbook  # noqa: PLC0415
        from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
        from openpyxl.utils import get_column_letter  # noqa: PLC0415
        from openpyxl.worksheet import _writer  # noqa: PLC0415

        self._special_cell = WriteOnlyCell
        self._workbook = Workbook(write_only=True)
        self._sheet = self._workbook.create_sheet(title)
        for place, width in enumerate(widths, 1):
            self._sheet.column_dimensions[get_column_letter(place)].width = width
        self._sheet.freeze_panes = "A2"
        # openpyxl would make this file among all other temporary ones, and leave it there when nobody reads the report
        # to its end. It keeps a list of those that it takes off at the end of the process.
        rows = str(folder / "rows.xml")
        _writer.ALL_TEMP_FILES.append(rows)
        self._sheet._writer = _writer.WorksheetWriter(self._sheet, rows)  # noqa: SLF001 - it takes no folder
        self._sheet._writer.write_top()  # noqa: SLF001
        self._path = folder / "report.xlsx"
        self._sheet.append([self._text(name) for name in columns])  # a report's are those of somebody's file

    def add(self, rows: Iterable[Sequence[str]]) -> None:
        """Append rows of cells, all as text."""
        for cells in rows:
            self._sheet.append([self._text(cell) for cell in cells])

    def finish(self) -> Iterator[bytes]:
        """Yield the finished file in blocks."""
        self._workbook.save(self._path)
        with self._path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block

    def close(self) -> None:
        """Close the files in the folder, finished or not."""
        with suppress(ValueError):  # a thread that nobody waits for any more still adds rows
            if not self._sheet.closed:
                self._sheet.close()

    def __del__(self) -> None:
        """Close what nobody closed: whose reader left while a thread began it or added rows to it.

        openpyxl's generators would end in any order, and what is written after the file was closed would be a traceback
        in the log.
        """
        if hasattr(self, "_path"):  # or it was not begun, and openpyxl would now begin a file among all temporary ones
            with suppress(OSError):  # the disk is full: that was said to who added rows
                self.close()

    def _text(self, cell: str) -> "Cell | str | None":
        if not cell.isprintable():
            # Before formulas are looked for: one behind such a character begins the cell once the character is gone.
            cell = _LINE_ENDS_NOT_IN_XML.sub(lambda found: "\n" * len(found[0]), cell)
            cell = _NOT_IN_XML.sub("", cell)
        given, cell = cell, _escaped(cell)
        if len(cell) > EXCEL_CELL_LIMIT and "\r" in given:
            # How lines end is no part of a text, and would cost it its own end.
            cell = _escaped(_RETURN.sub("\n", given))
        if len(cell) > EXCEL_CELL_LIMIT:  # openpyxl would cut it without a word
            cell = cut(cell, EXCEL_CELL_LIMIT - _ROOM_OF_A_MARK)
        if not cell or cell.isspace():
            return None
        if cell[0] != "#":
            return cell
        as_text = self._special_cell(self._sheet, cell)  # openpyxl takes "#N/A" for an error
        as_text.data_type = "s"
        return as_text


def _escaped(cell: str) -> str:
    """Return the cell as a workbook holds it, with a mark wherever a formula could begin."""
    if not _PHONE.fullmatch(cell):  # a cell of text needs no mark before its plus
        cell = neutralised(cell)
    if not cell.isprintable() or "_x" in cell:
        cell = _LOOKS_ESCAPED.sub("_x005F_", cell).replace("\r", "_x000D_")
    return cell
