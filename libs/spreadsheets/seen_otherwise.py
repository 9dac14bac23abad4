"""What the owner of a sheet sees otherwise than it is read, and so would not expect in the leads."""

import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

from libs.spreadsheets.file_source import FileSource
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.sheet_signs import ALL_SIGNS, HIDDEN_ROWS, MERGED_CELLS, Sign, lose_a_value
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xls_cells import xls_signs
from libs.spreadsheets.xlsb_cells import xlsb_signs
from libs.spreadsheets.xlsx_parts import PENDING, Parts, damage_refused

_HIDDEN = re.compile(rb'<(?:\w{1,20}:)?row\s[^<>]{0,600}?\bhidden="(?:1|true)"')
_MERGED = re.compile(rb'<(?:\w{1,20}:)?mergeCell\s[^<>]{0,600}?\bref="[A-Z]{1,3}([0-9]{1,7}):[A-Z]{1,3}([0-9]{1,7})"')


def seen_otherwise(path: Path, source: FileSource, limits: Limits) -> frozenset[Sign]:
    """Return what is easily seen of the sheet that was read. Never raises: the file was read already.

    All signs come of one look, since a sheet may take long to inflate; it ends where no other sign is left to be found.
    """
    found: set[Sign] = set()
    try:
        for sign in _signs(path, source, limits):
            found.add(sign)
            if found == ALL_SIGNS:
                break
    except (OSError, struct.error, Unreadable, LookupError, ValueError):
        pass
    return frozenset(found)


def _signs(path: Path, source: FileSource, limits: Limits) -> Iterator[Sign]:
    if source.format == "xlsx" and source.part is not None:
        yield from _xlsx_signs(path, source.part, source.header_row, limits)
    elif source.format in {"xls", "xlsb"} and source.sheet is not None:
        look = xlsb_signs if source.format == "xlsb" else xls_signs
        yield from look(path, source.sheets.index(source.sheet), source.header_row, limits)


def _xlsx_signs(path: Path, part: str, header_row: int, limits: Limits) -> Iterator[Sign]:
    with damage_refused(), zipfile.ZipFile(path) as archive:
        rest = b""
        for block in Parts(archive, limits.max_bytes).blocks(part):
            whole, bracket, tail = (rest + block).rpartition(b"<")
            if b"hidden=" in whole and _HIDDEN.search(whole):
                yield HIDDEN_ROWS
            if b"mergeCell" in whole and _has_lost_values(whole, header_row):
                yield MERGED_CELLS
            rest = (bracket + tail)[-PENDING:]


def _has_lost_values(xml: bytes, header_row: int) -> bool:
    return any(lose_a_value(int(found[1]), int(found[2]), header_row) for found in _MERGED.finditer(xml))
