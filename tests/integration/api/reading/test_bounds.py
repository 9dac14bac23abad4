"""Files that would take any time and any memory, given to a real worker: an answer, soon, within its bounds."""

import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from libs.spreadsheets.limits import Limits
from services.api.http.problems import PROBLEMS
from services.api.reading.domain.job import ReadingJob, ReadingResult
from services.api.reading.pool import ReadingPool
from tests.support.imports import CHUNK_ROWS
from tests.support.uploads import reading_pool
from tests.unit.spreadsheets.workbooks import HEADER, write_xlsx

HEAD = b"name,phone,cpf,email,tags\n"
GOOD = b"Ana,11912345678,,,\n"
MEGABYTE = 1_000_000
TRUTHFUL = {"file_too_large", "file_broken", "invalid_rows", "file_not_spreadsheet", "file_headers"}
ROOMY = Limits(max_rows=100_000)
"""Files of up to 400 MB: larger than the default, so that it is not their size that saves us."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pool() -> AsyncIterator[ReadingPool]:
    async with reading_pool(2) as pool:
        yield pool


def cell(reference: str, value: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{value}</t></is></c>'


FILES: dict[str, tuple[Callable[[Path], object], str | None]] = {
    "a million columns in the header": (
        lambda path: path.write_bytes(b",".join([HEAD.strip(), *[b"x"] * MEGABYTE]) + b"\n" + GOOD),
        "file_headers",
    ),
    "a million columns in a row": (
        lambda path: path.write_bytes(HEAD + GOOD.strip() + b",x" * MEGABYTE + b"\n"),
        "invalid_rows",
    ),
    "a million columns of a workbook": (
        lambda path: write_xlsx(path, HEADER + "<row r='2'>" + "<c><v>1</v></c>" * MEGABYTE + "</row>"),
        "file_too_large",
    ),
    "a cell of 100 MB": (
        lambda path: path.write_bytes(HEAD + GOOD + b"A" * (100 * MEGABYTE) + b",11912345678,,,\n"),
        "invalid_rows",
    ),
    "a quoted cell of 20 MB and many lines": (
        lambda path: path.write_bytes(HEAD + GOOD + b'"' + b"A\n" * (10 * MEGABYTE) + b'",11912345678,,,\n'),
        "file_broken",
    ),
    "a header of 20 MB": (lambda path: path.write_bytes(b"A" * (20 * MEGABYTE)), "file_headers"),
    "a cell of 20 MB in a workbook": (
        lambda path: write_xlsx(path, f'{HEADER}<row r="2">{cell("A2", "A" * 20 * MEGABYTE)}</row>'),
        None,
    ),
    "20 MB of NUL": (lambda path: path.write_bytes(b"\0" * (20 * MEGABYTE)), None),
    "20 MB of quotation marks": (lambda path: path.write_bytes(HEAD + b'"' * (20 * MEGABYTE)), None),
}


@pytest.mark.parametrize("name", FILES)
async def test_a_file_that_would_take_anything(pool: ReadingPool, tmp_path: Path, name: str) -> None:
    write, code = FILES[name]
    write(tmp_path / "upload")
    (tmp_path / "good").write_bytes(HEAD + GOOD)
    began = time.monotonic()
    result = await pool.read(job(tmp_path / "upload", ROOMY))
    assert time.monotonic() - began < ROOMY.seconds + 10
    assert result.refusal is not None
    assert result.refusal.code in ({code} if code else TRUTHFUL)
    assert (await pool.read(job(tmp_path / "good"))).total_rows == 1


def job(upload: Path, limits: Limits | None = None) -> ReadingJob:
    envelope = {
        "import_id": 7,
        "company_id": 1,
        "account_id": 2,
        "source_id": 3,
        "creator_id": 4,
        "tag_ids": [],
        "accepted_at": "2026-11-23T10:00:00+00:00",
    }
    return ReadingJob(str(upload), f"{upload}.spool", envelope, limits or Limits(), chunk_rows=CHUNK_ROWS)


async def test_any_bytes_give_an_answer(pool: ReadingPool, tmp_path: Path) -> None:
    """Bytes that begin like a file of each kind, and good files with some bytes changed."""
    chance = random.Random(20261123)
    starts = [b"", HEAD, b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xff\xfe", b"\xef\xbb\xbf" + HEAD]
    goods = [write_xlsx(tmp_path / "good.xlsx", HEADER).read_bytes(), HEAD + GOOD * 40]
    results: list[ReadingResult] = []
    for at in range(60):
        if at % 2:
            content = bytearray(goods[at // 2 % 2])
            for _ in range(chance.choice([1, 5, 30])):
                content[chance.randrange(len(content))] = chance.randrange(256)
        else:
            content = bytearray(starts[at // 2 % len(starts)] + chance.randbytes(chance.choice([10, 500, 40_000])))
        (tmp_path / "upload").write_bytes(content)
        results.append(await pool.read(job(tmp_path / "upload")))
    for result in results:
        assert result.refusal is None or (
            result.refusal.code in PROBLEMS and PROBLEMS[result.refusal.code].status < 500
        ), result.refusal
    assert any(result.refusal for result in results)
