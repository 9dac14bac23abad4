"""A workbook's XML is read by the encoding that it names, whichever of our readers reads it."""

import zipfile
from pathlib import Path

import pytest

from tests.unit.spreadsheets.records import read_path, refusal
from tests.unit.spreadsheets.workbooks import HEADER, HEADERS, write_xlsx

NAME = "Ana Conceição"
ROW = '<row r="2"><c r="A2" t="s"><v>5</v></c><c r="B2" t="inlineStr"><is><t>{phone}</t></is></c></row>'
STRINGS = "".join(f"<si><t>{text}</t></si>" for text in (*HEADERS, NAME))
PARTS = ("xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml")


def write(path: Path, encoding: str, *, part: str, written_in: str | None = None) -> Path:
    """Write a workbook of which one part says that it is written in an encoding, and is (or in another one)."""
    write_xlsx(path, HEADER + ROW.format(phone="11981231402"), shared_strings=STRINGS)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    body = parts[part].partition("?>")[2] or parts[part]
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            said = f'<?xml version="1.0" encoding="{encoding}"?>\n{body}'
            archive.writestr(name, said.encode(written_in or encoding) if name == part else text.encode())
    return path


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("encoding", ["UTF-8", "utf-16", "ISO-8859-1", "windows-1252"])
def test_encodings_that_makers_write_are_read(tmp_path: Path, part: str, encoding: str) -> None:
    rows = read_path(write(tmp_path / "leads.xlsx", encoding, part=part))
    assert rows[-1][1][:2] == [NAME, "11981231402"]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("encoding", ["UTF-7", "Shift_JIS", "HZ", "ISO-2022-JP", "base64", "no-such-encoding"])
def test_an_encoding_that_one_reader_would_take_for_another_is_refused(
    tmp_path: Path, part: str, encoding: str
) -> None:
    path = write(tmp_path / "leads.xlsx", encoding, part=part, written_in="utf-8")
    error = refusal(read_path, path)
    assert (error.code, error.detail) == (
        "file_broken",
        "The workbook's XML is in an encoding that Excel does not write.",
    )
