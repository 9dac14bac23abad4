"""Whether the sheet that is read has rows that its owner does not see: they are read like the others."""

import re
import struct
import zipfile
from pathlib import Path

from libs.spreadsheets.file_source import FileSource
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xls_cells import xls_has_hidden_rows
from libs.spreadsheets.xlsb_cells import xlsb_has_hidden_rows
from libs.spreadsheets.xlsx_parts import PENDING, Parts, damage_refused

_HIDDEN = re.compile(rb'<(?:\w{1,20}:)?row\s[^<>]{0,600}?\bhidden="(?:1|true)"')


def has_hidden_rows(path: Path, source: FileSource, limits: Limits) -> bool:
    """Tell whether the sheet has a hidden row, as far as that is easily seen. Never raises: it was read already."""
    try:
        if source.format == "xlsx" and source.part is not None:
            with damage_refused():
                return _in_xml(path, source.part, limits)
        if source.format in {"xls", "xlsb"} and source.sheet is not None:
            look = xlsb_has_hidden_rows if source.format == "xlsb" else xls_has_hidden_rows
            return look(path, source.sheets.index(source.sheet), limits)
    except (OSError, struct.error, Unreadable, LookupError, ValueError):
        pass
    return False


def _in_xml(path: Path, part: str, limits: Limits) -> bool:
    with zipfile.ZipFile(path) as archive:
        rest = b""
        for block in Parts(archive, limits.max_bytes).blocks(part):
            whole, bracket, tail = (rest + block).rpartition(b"<")
            if b"hidden=" in whole and _HIDDEN.search(whole):
                return True
            rest = (bracket + tail)[-PENDING:]
    return False
