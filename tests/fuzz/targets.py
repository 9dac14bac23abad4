"""What is fuzzed: each reader of what strangers send, and what must hold for any bytes that it is given."""

import asyncio
import atexit
import hashlib
import json
import os
import shutil
import tempfile
import time
import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.parsers import expat

from starlette.requests import Request

from libs.common.web.refusals import Refused
from libs.fields.text import trimmed
from libs.spreadsheets import excel_file
from libs.spreadsheets.cell_faults import Faults
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xlsx_bounds import visible_sheet
from libs.spreadsheets.xlsx_cells import _NUMBER, sheet_rows
from libs.spreadsheets.xlsx_parts import Parts
from services.api.accepting.domain.request import read_request
from services.api.http.problems import PROBLEMS
from services.api.http.upload import receive_upload
from tests.fuzz.mutations import (
    mutated_archive,
    mutated_ole,
    mutated_text,
)
from tests.unit.api.reading.runs import run_on

LIMITS = Limits(max_rows=200)
BOUNDARY = b"XX"
SECONDS_PER_INPUT = 10
"""So long a core may work at one input: what is slow is a finding. By the clock a busy machine would find slow ones."""
_MOST_UPLOAD = 1_000
_SERVERS_FAULT = 500

Target = Callable[[bytes], None]
Mutator = Callable[[bytes, Callable[[bytes], bytes], int], bytes]


def _folder() -> Path:
    """Return the folder of this process, in memory where the system has such a place."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="leadflow-fuzz-", dir=memory if memory.is_dir() else None))


FOLDER = _folder()
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
_UPLOAD, _SPOOL, _COPY = FOLDER / "upload", FOLDER / "spool", FOLDER / "copy.xlsx"


def read_file(content: bytes) -> None:
    """Any file is refused with words for its owner, or becomes chunks that hold each of its rows once."""
    _UPLOAD.write_bytes(content)
    result, chunks = run_on(_UPLOAD, _SPOOL, limits=LIMITS, on_invalid_row="skip")
    left = sorted(path.name for path in FOLDER.iterdir() if path not in {_UPLOAD, _SPOOL, _COPY})
    assert not left, f"left behind: {left}"
    if result.refusal is not None:
        _is_a_problem(result.refusal)
        return
    numbers = [row for chunk in chunks for row in (*chunk.live.row, *(settled.row for settled in chunk.settled))]
    assert len(numbers) == len(set(numbers)) == result.total_rows <= LIMITS.max_rows
    assert min(numbers) > 1


def read_xlsx(content: bytes) -> None:
    """As ``read_file``; and where calamine reads a sheet, it reads what stands in its XML."""
    read_file(content)
    try:
        sheet = visible_sheet(_UPLOAD, LIMITS, _COPY)
    except Unreadable:
        return
    if not sheet.is_plain:
        return
    faults: Faults = {}
    try:
        quick = _rows(excel_file._plain_rows(_UPLOAD, sheet, excel_file.calamine_sheet(_COPY), LIMITS))
        with zipfile.ZipFile(_UPLOAD) as archive:
            parts = Parts(archive, LIMITS.max_bytes)
            slow = _rows(sheet_rows(parts, sheet.workbook, sheet.part, LIMITS, faults))
    except (excel_file._CalamineFails, Unreadable, expat.ExpatError, LookupError):
        return  # refused, or read the other way
    assert not faults, "calamine read cells that hold no value"
    differing = {
        (row, column): (quick.get((row, column), ""), slow.get((row, column), ""))
        for row, column in quick.keys() | slow.keys()
        if quick.get((row, column), "") != slow.get((row, column), "")
    }
    # A number that is shown as a date is a date for the one, digits for the other.
    differing = {place: texts for place, texts in differing.items() if not _NUMBER.fullmatch(texts[1])}
    assert not differing, f"two readings of one sheet: {differing}"


def _rows(records: excel_file.Records) -> dict[tuple[int, int], str]:
    """Return the cells that are not blank, trimmed: one of the readings takes off blanks around texts, too."""
    return {
        (number, column): text
        for number, cells in records
        for column, cell in enumerate(cells)
        if (text := trimmed(cell))
    }


def receive_body(content: bytes) -> None:
    """Any body is an upload whose file is what was sent, or a problem; its folder is gone afterwards.

    The first byte says in pieces of which size it comes.
    """
    try:
        _LOOP.run(_received(content[1:], 1 + content[0] if content else 1))
    except Refused as refused:
        _is_a_problem(refused)
    assert not list(Path(tempfile.gettempdir()).glob(f"leadflow-upload-{os.getpid()}-*"))


_LOOP = asyncio.Runner()


async def _received(body: bytes, piece: int) -> None:
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)] or [b""]

    async def receive() -> dict[str, Any]:
        content = pieces.pop(0) if pieces else b""
        return {"type": "http.request", "body": content, "more_body": bool(pieces)}

    headers = [(b"content-type", b"multipart/form-data; boundary=" + BOUNDARY)]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    async with receive_upload(request, max_bytes=_MOST_UPLOAD, seconds=30) as upload:
        file = upload.path.read_bytes()
        assert len(file) <= _MOST_UPLOAD
        assert file in body
        assert hashlib.sha256(file).hexdigest() == upload.sha256
        name = upload.file_name
        assert name is None or (
            name == unicodedata.normalize("NFC", name).strip() and not set(name) & set("/\\\0\n\r") and len(name) < 256
        )
        read_request(upload.data)
    assert not upload.folder.exists()


def _is_a_problem(refused: Refused) -> None:
    assert PROBLEMS[refused.code].status < _SERVERS_FAULT
    json.dumps(refused.detail).encode()


TARGETS: Mapping[str, Target] = {
    "csv": read_file,
    "xlsx": read_xlsx,
    "xlsb": read_file,
    "xls": read_file,
    "multipart": receive_body,
}
MUTATORS: Mapping[str, Mutator] = {
    "csv": mutated_text,
    "xlsx": mutated_archive,
    "xlsb": mutated_archive,
    "xls": mutated_ole,
    "multipart": mutated_text,
}


class TooSlow(Exception):
    """The reader worked longer than ``SECONDS_PER_INPUT`` at it."""


def check(name: str, content: bytes) -> None:
    """Give a reader one input. Raises AssertionError, TooSlow, or what the reader itself should not have raised."""
    began = time.process_time()
    TARGETS[name](content)
    taken = time.process_time() - began
    if taken > SECONDS_PER_INPUT:
        raise TooSlow(f"{name} worked {taken:.1f} s at {len(content)} bytes")


def forget() -> None:
    """Remove what this process wrote."""
    _LOOP.close()
    for path in (_UPLOAD, _SPOOL):
        path.unlink(missing_ok=True)
    FOLDER.rmdir()
