"""The template: a file that is imported as it is, with examples to write over."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from libs.common.web.temporary_files import temporary_folder
from libs.contracts.lead_import.words import LANGUAGES, Words, words
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.writing import SEPARATOR, csv_header, csv_rows

EXAMPLES = [
    ["Janaína Prado", "(11) 91234-5678", "529.982.247-25", "janaina@example.com", "VIP, Zona Sul"],
    ["São João Comércio Ltda.", "+55 21 3234-5678", "", "contato@example.com", ""],
]
"""Rows that are valid in every column."""
FILE_NAME = "leads-template"
_WIDTHS = (30, 22, 18, 30, 24)
_WIDTH_OF_NOTES = 110


def template_csv() -> bytes:
    return csv_header(FILE_COLUMNS, SEPARATOR) + csv_rows(EXAMPLES, SEPARATOR)


@lru_cache(maxsize=len(LANGUAGES))
def template_xlsx_in(language: str) -> bytes:
    """Return the workbook in one of ``LANGUAGES``. It is everybody's, and made once: it takes as long as a small file
    takes to be read, in the threads that receive uploads.
    """
    with temporary_folder() as folder:
        path = Path(folder) / "template.xlsx"
        template_xlsx(path, words(language))
        return path.read_bytes()


def template_xlsx(path: Path, words: Words) -> None:
    """Write the workbook: its first sheet is the one that is imported, its second one says what each column is."""
    # As in libs/spreadsheets/writing.py: it takes long to import, and is seldom needed.
    from openpyxl import Workbook  # noqa: PLC0415
    from openpyxl.styles import Font  # noqa: PLC0415

    book = Workbook()
    leads, notes = book.worksheets[0], book.create_sheet(words.template["sheet"])
    leads.title = "leads"
    for row in [list(FILE_COLUMNS), *EXAMPLES]:
        leads.append(row)
    for row in _notes(words):
        notes.append(row)
    for sheet, widths in ((leads, _WIDTHS), (notes, (14, _WIDTH_OF_NOTES))):
        for cell, width in zip(next(sheet.iter_rows(max_row=1)), widths, strict=True):
            cell.font = Font(bold=True)
            sheet.column_dimensions[cell.column_letter].width = width
    for cells in leads.iter_rows():
        for cell in cells:
            cell.number_format = "@"  # text: no leading zero is lost
    leads.freeze_panes = "A2"
    book.save(path)


def _notes(words: Words) -> Iterator[list[str]]:
    yield [words.template["column"], words.template["meaning"]]
    for name in FILE_COLUMNS:
        yield [name, words.template[name]]
