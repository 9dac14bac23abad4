"""What fuzzing begins with: the files of the tests, by the reader that reads them."""

import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.stack import ROOT
from tests.unit.spreadsheets.workbooks import ErrorCode, write_xls, write_xlsb, write_xlsx

FILES = ROOT / "tests" / "fixtures" / "files"
_LARGEST = 60_000
_DATA = json.dumps({"name": "A", "account_id": 1, "source_id": 1}).encode()


def seeds(target: str) -> list[bytes]:
    """Return the files that the target's reader reads, smallest first."""
    found = _bodies() if target == "multipart" else (file for file in _files() if _kind(file) == target)
    return sorted(set(found), key=len)


def _files() -> Iterator[bytes]:
    for path in sorted(FILES.rglob("*")):
        if path.suffix in {".csv", ".xlsx", ".xls", ".xlsm", ".xlsb"} and path.stat().st_size <= _LARGEST:
            yield path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        yield write_xls(path, {(1, 0): "Ana", (1, 1): 11912345678.0, (2, 0): "Bia"}).read_bytes()
        yield write_xlsx(path).read_bytes()
        yield write_xlsb(
            path,
            {(1, 0): "Ana", (1, 1): 11912345678.0, (2, 0): "Bia", (2, 4): ErrorCode(0x2A), (3, 0): ErrorCode(0x17)},
            of_formulas=[(3, 0)],
        ).read_bytes()


def _kind(file: bytes) -> str:
    if file.startswith(b"\xd0\xcf\x11\xe0"):
        return "xls"
    if not file.startswith(b"PK"):
        return "csv"
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            return "xlsb" if "xl/workbook.bin" in archive.namelist() else "xlsx"
    except zipfile.BadZipFile:
        return "xlsx"


def _bodies() -> Iterator[bytes]:
    """Yield bodies of uploads; the first byte is the size of the pieces that they come in, less one."""
    for name in (b'filename="leads.csv"', 'filename="Joa\u0303o.csv"'.encode(), b"filename*=UTF-8''Jo%C3%A3o.csv"):
        for pieces in (0, 6, 255):
            file = b'--XX\r\nContent-Disposition: form-data; name="file"; ' + name + b"\r\n\r\nname,phone\r\n"
            data = b'--XX\r\nContent-Disposition: form-data; name="data"\r\n\r\n' + _DATA + b"\r\n"
            yield bytes([pieces]) + file + data + b"--XX--\r\n"
            yield bytes([pieces]) + data + file + b"--XX--\r\n"
