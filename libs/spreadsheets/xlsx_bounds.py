"""What reading an XLSX would cost, and whether calamine would read all of it, found out before it does.

Calamine holds a sheet as one dense rectangle: two cells, A1 and XFD1048576, would take 512 GB. It reads cells that show
an error, and formulas without a stored value, as blank ones, and the text by an index that is no number as the first.

Plain sheets, as nearly all programs write them, are told by regular expressions; all others are read cell by cell
(``xlsx_cells.py``). What slips through must meet the memory bound of the process that reads: whoever reads files of
strangers has one.
"""

import re
import zipfile
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import islice
from operator import ge
from pathlib import Path
from typing import Literal

from libs.spreadsheets.limits import Limits
from libs.spreadsheets.sheet_names import place_of_sheet
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xlsx_blanks import InheritedBlanks
from libs.spreadsheets.xlsx_cells import column_of
from libs.spreadsheets.xlsx_copy import SHEET, STRINGS, STYLES, XlsxCopy
from libs.spreadsheets.xlsx_parts import (
    PENDING,
    Parts,
    damage_refused,
    related_part,
    relationships,
)
from libs.spreadsheets.xlsx_styles import Styles
from libs.spreadsheets.xlsx_workbook import XlsxWorkbook

_WORKBOOK = "xl/workbook.xml"
"""Where nearly all have it. Others name it otherwise, and say so in ``_rels/.rels``."""
_BINARY_WORKBOOK = "xl/workbook.bin"

_OTHER_ARCHIVES = {
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a PowerPoint presentation",
    "content.xml": "an OpenDocument file; save it as XLSX",
    "index/document.iwa": "an Apple Numbers or Pages file; export it as Excel",
}

_PLAIN_CELL = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"')
_REFERENCE = re.compile(rb'<c r="([A-Z]+[0-9]+)')
_WITHOUT_STYLE = re.compile(rb'<c r="[A-Z]{1,3}[0-9]{1,7}"(?:>| t="n")')
"""A cell with a number, of those that are plain, which names no style."""
_LETTERS = bytes(range(ord("A"), ord("Z") + 1))
_NO_CELL_BUT = (
    rb'<c(?! r="%b[0-9]{1,%d}"(?: s="[0-9]{1,5}")?'
    rb'(?:>| t="(?:inlineStr"(?:><is>| ?/>)|s"><v>[0-9]{1,9}<|str"|n"|b"|s" ?/>)| ?/>)|[A-Za-z])'
)
"""Finds a cell (``<c``) that is written in any way but this: its reference comes first, and has these letters and at
most so many digits; it is no error; its text, if it is shared, is named by a plain number. Other elements' names that
begin with c (``<col``) go on with a letter and are no cells."""
_NOT_PLAIN = re.compile(_NO_CELL_BUT % (b"[A-Z]{1,3}", 7))

_USUAL_CELL = (
    rb'(?:<c r="%c\1"(?: s="[0-9]{1,5}")?+(?:'
    rb' t="(?:s"><v>[0-9]{1,9}</v></c>|inlineStr"><is><t(?: xml:space="preserve")?+>[^<]*+</t></is></c>'
    rb'|str"><v>[^<]++</v></c>|n"><v>(?![ \t\r\n]|[+-]?[NnIi])[^<&]++(?<![ \t\r\n])</v></c>|b"><v>[^<&]++</v></c>'
    rb'|(?:inlineStr|s)" ?/>)'
    rb"|>(?:<v>(?![ \t\r\n]|[+-]?[NnIi])[^<&]++(?<![ \t\r\n])</v>)?+</c>|/>| />))?+"
)
_FEW, _MORE = (b"".join(_USUAL_CELL % column for column in columns) for columns in (b"ABCDE", b"FGHIJKL"))
_USUAL_ROW = re.compile(rb'<row r="([0-9]{1,7})"[^<>]*+>%b(?:</row>|%b</row>)' % (_FEW, _MORE))
"""A row as nearly all programs write it: its cells name its number, in the order of their columns, none twice. One look
at such a row tells all that the looks below would; they cost three times as much."""

_ONE_LETTER_COLUMNS = 26
"""Columns that are named by one letter: A to Z."""
_PREFIXED_CELL = re.compile(rb":c[\s/>]")
"""``<x:c>``: the same element with a namespace's prefix, as the OpenXML SDK writes it."""
_FORMULA = re.compile(rb"<f[\s/>]")
_ARRAY = re.compile(rb"<f\s[^<>]{0,300}array")
_ROW = re.compile(rb'<row (?:r="|[^<>]* r=")([0-9]{1,7})"')
_CALCULATED = re.compile(rb"<f(?:\s[^<>]{0,300})?(?:/>|>[^<]{0,9000}</f>)<v>(?!(?:[-+.0\s]*+|formula)</v)[^<]")
"""A formula with its value right behind it. Zero, and the word, may stand for one that is not known."""
_NOT_THE_LAST = re.compile(rb"</(?:v|is)\s*+>(?!\s*+</c\s*+>)")
"""A value with something behind it in its cell: another one, of which calamine would show one alone."""
_NUMBER = rb"[-+.0-9eE]++"
_INTERRUPTED = re.compile(
    rb"<(?:[^<>\s/:]{1,40}+:)?+v(?:\s[^<>]*+)?+>"
    rb"(?:[^<]*+<[^/]|(?![0-9]++<)(?:[ \t\r\n]++%b[ \t\r\n]*+<|%b[ \t\r\n]++<))" % (_NUMBER, _NUMBER)
)
"""A value with something in it besides its text, such as ``<?x?>``: of a number calamine would read what stands before
that, and another number can be a phone as well. Or a number with blanks around it, which it would take for a text."""
_NO_NUMBER = re.compile(rb"<v(?:\s[^<>]*+)?+>[+-]?(?:[Nn][Aa][Nn]|[Ii][Nn][Ff](?:[Ii][Nn][Ii][Tt][Yy])?)<")
"""What ExcelJS and others write for a date that is none. Calamine takes it for a number, and of a date makes one."""
_OF_TEXTS = (
    b"t|r|rPr|rPh|phoneticPr|si|sst|extLst|ext|rFont|charset|family|b|i|strike|outline|shadow|condense|extend|color|sz|u"
    b"|vertAlign|scheme"
)
_OTHER_ELEMENT = re.compile(rb"<(?!/?(?:%b)[\s/>])" % _OF_TEXTS)
"""Among shared texts, one that these do not have, as in ``<t>Ana <vip> Prado</t>``: of XML that is none, calamine would
leave it out of the text."""
_OTHER_IN_TEXT = re.compile(rb"<t(?:\s[^<>]*+)?+>[^<]*+<(?!/?(?:v|%b)[\s/>])" % _OF_TEXTS)
_TAGS_OF_A_TEXT = len((b"<si>", b"<t>", b"</t>", b"</si>"))
_REFERRING = re.compile(rb"<v(?:\s[^<>]*+)?>[^<&]*+&")
_REFERRING_IN_TEXT = re.compile(
    rb't="str"(?:\s[^<>]{0,300})?>(?:<f(?:\s[^<>]{0,300})?(?:/>|>[^<]{0,9000}</f>))?<v(?:\s[^<>]{0,300})?>[^<&]*+&'
)
"""A value that spells a character (``&#49;``). Calamine knows it in texts; a number would end before it."""


_SHORT_TEXT = 512
"""Bytes of a text, with its tags, that as many cells as a file has room for may share."""
_COUNT_OF_TEXTS = re.compile(rb"uniqueCount\s*=\s*[\"']\s*\+?([0-9]{1,20})")
_MOST_TEXTS = 2_000_000
_MOST_OF_TEXTS = 1 << 28
"""Bytes of the texts of a sheet's cells at most: calamine copies a text that cells share for each of them."""
_NEGATIVE, _BEFORE_A_SIGN = re.compile(rb">\s*-"), 64


@dataclass(frozen=True, slots=True)
class Sheet:
    """The sheet to read."""

    part: str
    workbook: XlsxWorkbook
    is_plain: bool
    """Calamine reads all of it."""
    looks: Styles
    name: str


def archive_kind(path: Path) -> Literal["xlsx", "xlsb"]:
    """Tell which of Excel's two packed formats the archive holds. Raises Unreadable when it is something else."""
    with damage_refused(), zipfile.ZipFile(path) as archive:
        parts = Parts(archive, PENDING)
        workbook = workbook_part(parts)
    if workbook is not None and workbook.startswith("xl/"):
        if not workbook.endswith(".bin"):
            return "xlsx"
        if workbook == _BINARY_WORKBOOK:
            return "xlsb"
        raise Unreadable("file_broken", "The workbook's parts have unusual names; open it in Excel and save it.")
    for part, what in _OTHER_ARCHIVES.items():
        if part in parts:
            raise Unreadable("file_not_spreadsheet", f"This is {what}.")
    raise Unreadable("file_not_spreadsheet", "This is a ZIP archive, but no Excel workbook.")


def workbook_part(parts: Parts) -> str | None:
    """Return the part that lists the sheets, which the archive's own relationships name."""
    for part in (_WORKBOOK, _BINARY_WORKBOOK):
        if part in parts:
            return part
    named = [part for kind, part in relationships(parts, "").values() if kind == "officeDocument" and part in parts]
    return named[0].lower() if named else None


def visible_sheet(path: Path, limits: Limits, copy_at: Path, wanted: str | None = None) -> Sheet:
    """Return a visible worksheet of an XLSX, and whether calamine may read it within the limits.

    A workbook of it alone, for calamine, is written at ``copy_at``. ``wanted`` is the sheet's name; None: the first.
    Raises Unreadable, NoRoom.
    """
    with damage_refused(), zipfile.ZipFile(path) as archive, XlsxCopy(copy_at) as copy:
        parts = Parts(archive, limits.max_bytes)
        workbook = XlsxWorkbook.read(parts, workbook_part(parts) or _WORKBOOK)
        name, part = workbook.shown[place_of_sheet([name for name, _ in workbook.shown], wanted)]
        most_shared, looks = None, Styles(are_quick=True)
        if strings := related_part(parts, workbook.part, "sharedStrings"):
            with closing(copy.keeping(STRINGS, parts.blocks(strings))) as blocks:
                most_shared = _most_shared(blocks)
                _exhaust(blocks)
        if styles := related_part(parts, workbook.part, "styles"):
            with closing(copy.keeping(STYLES, parts.blocks(styles))) as blocks:
                looks = Styles.of(blocks)
                _exhaust(blocks)
        with closing(copy.keeping(SHEET, parts.blocks(part))) as blocks:
            is_plain = _is_plain(
                blocks, limits, most_shared, are_styled=looks.first_is_of_dates, recalculates=workbook.recalculates
            )
        copy.complete(begins_1904=workbook.begins_1904)
    return Sheet(part, workbook, is_plain and looks.are_quick, looks, name)


def _exhaust(blocks: Iterator[bytes]) -> None:
    for _ in blocks:
        pass


def _most_shared(blocks: Generator[bytes, None, None]) -> int | None:
    """Return how many cells may share the longest of these texts; None: all that a file has room for.

    Below 0 where calamine would make room for more texts than there can be, because the file says that it has them, or
    leave a part of a text out: an element, or blanks.
    """
    longest = _longest_text(blocks)
    if longest is None:
        return -1
    return _MOST_OF_TEXTS // longest if longest > _SHORT_TEXT else None


def _longest_text(blocks: Generator[bytes, None, None]) -> int | None:
    """Return how long a text that cells share is at most, in bytes: the longest, or what is short enough for all.

    None where the file says that it has more texts than there can be, or one has an element in it that no text has, or
    blanks that it keeps by what it stands in.
    """
    longest, rest, step = _SHORT_TEXT, b"", _SHORT_TEXT // 2
    has_begun, blanks = False, InheritedBlanks()
    for block in blocks:
        whole = rest + block
        if any(int(count) > _MOST_TEXTS for count in _COUNT_OF_TEXTS.findall(whole)) or blanks.are_in(whole):
            return None
        rest = whole[max(0, whole.rfind(b"<si")) :]
        # What stands before the first text is not looked at: writers put comments there.
        begin = 0 if has_begun else max(0, whole.find(b"<si"))
        has_begun = has_begun or len(rest) < len(whole)
        if _has_other_elements(whole, begin, len(whole) - len(rest)):
            return None
        if len(rest) > PENDING:
            return len(rest)
        if any(whole.find(b"<si", at, at + step) < 0 for at in range(0, len(whole) - len(rest), step)):
            longest = max(longest, *map(len, whole.split(b"<si")))
    if rest.startswith(b"<si") and _OTHER_ELEMENT.search(rest):
        return None
    return max(longest, len(rest))


def _has_other_elements(texts: bytes, begin: int, end: int) -> bool:
    """Tell whether whole shared texts may have an element that texts do not have. Plain ones are told by two counts."""
    if texts.count(b"<", begin, end) == _TAGS_OF_A_TEXT * texts.count(b"</t></si>", begin, end):
        return False
    return _OTHER_ELEMENT.search(texts, begin, end) is not None


def holds_negative(path: Path, part: str, limits: Limits) -> bool:
    """Tell whether a sheet's part may hold a number below zero. Raises Unreadable."""
    rest = b""
    with damage_refused(), zipfile.ZipFile(path) as archive:
        for block in Parts(archive, limits.max_bytes).blocks(part):
            piece = rest + block
            if _NEGATIVE.search(piece):
                return True
            rest = piece[-_BEFORE_A_SIGN:]
    return False


def _is_plain(
    blocks: Generator[bytes, None, None],
    limits: Limits,
    most_shared: int | None = None,
    *,
    are_styled: bool = False,
    recalculates: bool = False,
) -> bool:
    """Tell whether the sheet's XML is plain, has all its values, and spreads over few enough rows and columns.

    False means only that this fast look does not know: the sheet must then be read cell by cell. A sheet is plain
    when each cell names itself (r="B7") right after its tag, as nearly all writers do, once and in its own row, and
    rows ascend: of two rows of one number, and of two cells in one place, calamine would show one. Of shared texts it
    has ``most_shared`` at most; None: all of them are short. ``are_styled``: each cell with a number names its style.
    ``recalculates``: no zero that an array of formulas fills is a value.
    """
    rows, columns = 0, _ONE_LETTER_COLUMNS
    last_row = tables = shared = 0
    blanks = InheritedBlanks()
    for piece in _whole_rows(blocks):
        if most_shared is not None and piece is not None:
            shared += piece.count(b't="s"')
            if shared > most_shared:
                return False
        whole, usual = (None, []) if piece is None else _without_usual_rows(piece, last_row, columns, limits)
        if usual:
            last_row = usual[-1]
            rows = max(rows, last_row)
        # One character is looked for much faster than two, and a mark of exclamation is rare.
        if (
            whole is None
            or piece is None
            or blanks.are_in(piece)
            or (are_styled and _WITHOUT_STYLE.search(piece))
            or b"\x00" in whole
            or (b"!" in whole and b"<!" in whole)
            or _PREFIXED_CELL.search(whole)
        ):
            return False
        tables += whole.count(b"<sheetData")
        named = _ROW.findall(whole)
        numbers = [last_row, *map(int, named)]
        if tables > 1 or any(map(ge, numbers, islice(numbers, 1, None))) or not _cells_are_apart(whole, set(named)):
            return False
        last_row = numbers[-1]
        if not _values_are_plain(whole) or (recalculates and _ARRAY.search(whole)):
            return False
        # A cell whose row has no more digits than the last row's number stands no further down than this. Where that is
        # too far, or cells are written otherwise, each reference is read, which takes as long as all the rest.
        digits = len(str(last_row))
        furthest = 10**digits - 1
        if furthest * columns <= limits.rectangle and not _near_cells_only(digits).search(whole):
            rows = max(rows, furthest)
            continue
        if _NOT_PLAIN.search(whole):
            return False
        references = _PLAIN_CELL.findall(whole)
        rows = max(rows, *map(int, {row for _, row in references}), 0)
        columns = max(columns, *(column_of(name.decode()) + 1 for name in {name for name, _ in references}), 0)
    return rows * columns <= limits.rectangle


def _without_usual_rows(piece: bytes, last_row: int, columns: int, limits: Limits) -> tuple[bytes, list[int]]:
    """Return what stands around the rows, and their numbers, where all are usual and ascend; else all of the piece."""
    if b"\0" in piece:
        return piece, []
    around = _USUAL_ROW.split(piece)
    rest = b"".join(around[::2])
    numbers = list(map(int, around[1::2]))
    if not numbers or b"<row" in rest or numbers[-1] * columns > limits.rectangle:
        return piece, []
    if last_row >= numbers[0] or any(map(ge, numbers, islice(numbers, 1, None))):
        return piece, []
    return rest, numbers


def _values_are_plain(rows: bytes) -> bool:
    """Tell whether each formula has its value, each cell one at most, and each number is written in digits."""
    if _FORMULA.search(rows) and len(_FORMULA.findall(rows)) != len(_CALCULATED.findall(rows)):
        return False
    if _NOT_THE_LAST.search(rows) or _INTERRUPTED.search(rows) or _NO_NUMBER.search(rows):
        return False
    if b"<t" in rows and _OTHER_IN_TEXT.search(rows):
        return False
    return b"&" not in rows or len(_REFERRING.findall(rows)) == len(_REFERRING_IN_TEXT.findall(rows))


def _cells_are_apart(rows: bytes, numbers: set[bytes]) -> bool:
    """Tell whether no two cells of these rows, which have these numbers, name one place, or one in another row.

    And whether none ends that did not begin: of XML that is none, calamine leaves such a cell out.
    """
    found = _REFERENCE.findall(rows)
    if rows.count(b"</c>") > len(found):
        return False
    own = b" ".join(found).translate(None, _LETTERS).split()
    return len(set(found)) == len(found) and numbers.issuperset(own)


@cache
def _near_cells_only(digits: int) -> re.Pattern[bytes]:
    """Return what finds a cell that is not plain, beyond column Z, or in a row whose number has more digits."""
    return re.compile(_NO_CELL_BUT % (b"[A-Z]", digits))


def _whole_rows(blocks: Generator[bytes, None, None]) -> Iterator[bytes | None]:
    """Yield the sheet's XML in pieces that break no row; None where one does not end, or no other follows for long."""
    rest = b""
    for block in blocks:
        whole, bracket, tail = (rest + block).rpartition(b"<row")
        rest = bracket + tail
        yield whole if len(rest) <= PENDING else None
    yield rest
