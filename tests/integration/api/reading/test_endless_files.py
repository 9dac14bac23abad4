"""What a reading process answers for files whose answer, memory or damage has no end."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import pytest

from services.api.http.problems import PROBLEMS
from services.api.reading import pool as pool_module
from tests.integration.api.reading.reading_jobs import StartPool, job, job_of, refusal_code
from tests.unit.spreadsheets.ole_files import FIRST_LIST, MILLIONS_OF_LISTS, changed
from tests.unit.spreadsheets.workbooks import HEADER, write_xls, write_xlsx

REPORT_HEAD = "name,phone,cpf,email,tags,row,outcome,reason\n"


async def test_what_is_said_of_a_file_is_an_answer_however_long_its_cells_are(
    start_pool: StartPool, tmp_path: Path
) -> None:
    """A report of ours whose cells are as long, and take as many bytes in JSON, as any can be."""
    pool = await start_pool()
    widest = "\U0001f600" * 32_767
    upload = tmp_path / "report"
    row = ",".join([widest] * 5)
    upload.write_text(REPORT_HEAD + "".join(f"{row},{n},{outcome},\n" for n, outcome in ((2, "error"), (3, widest))))
    wide = replace(job_of(upload), on_invalid_row="skip")
    assert (await pool.read(wide)).total_rows == 2
    upload.write_text(REPORT_HEAD + "".join(f"{','.join([widest[:999]] * 5)},{n},error,\n" for n in range(2, 40)))
    result = await pool.read(wide)
    assert (result.total_rows, len(result.reported)) == (38, 20)
    assert (await pool.read(job(tmp_path))).total_rows == 3


async def test_an_answer_that_cannot_be_read_leaves_nothing_for_the_next_file(
    start_pool: StartPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of it would be taken for the answer to the next job, and so on: each to another company's."""
    monkeypatch.setattr(pool_module, "_ANSWER_LIMIT", 1 << 10)
    pool = await start_pool()
    upload = tmp_path / "report"
    row = ",".join(["\u00e9" * 999] * 5)  # together they fill the pipe several times
    upload.write_text(REPORT_HEAD + "".join(f"{row},{n},error,\n" for n in range(2, 40)))
    with pytest.raises(ValueError, match="limit"):
        await pool.read(replace(job_of(upload), on_invalid_row="skip"))
    for rows in (3, 4, 5):
        assert (await pool.read(job(tmp_path, rows))).total_rows == rows


async def test_hostile_files_cost_no_more_than_their_worker(start_pool: StartPool, tmp_path: Path) -> None:
    """What no check finds beforehand meets the memory bound; nobody else notices."""
    pool = await start_pool(2)
    long_string = f"<si><t>{'x' * 8_000_000}</t></si>"
    references = "".join(f'<row r="{at}"><c r="A{at}" t="s"><v>0</v></c></row>' for at in range(2, 5_000))
    files = [
        write_xls(tmp_path / "two cells far apart", {(65_535, 255): "x"}),
        write_xlsx(tmp_path / "one string five thousand times", HEADER + references, shared_strings=long_string),
        changed(tmp_path / "a list of sectors that follows itself", {FIRST_LIST: 0, 1_020: 0}),
        changed(tmp_path / "millions of such lists", MILLIONS_OF_LISTS),
        write_xlsx(tmp_path / "nested", "<a>" * 3_000_000, parts={"xl/styles.xml": "<a>" * 3_000_000}),
    ]
    results = await asyncio.gather(*(pool.read(job_of(file)) for file in files), pool.read(job(tmp_path)))
    truthful = {"file_broken", "file_too_large", "file_empty", "invalid_rows"}
    assert {refusal_code(result) for result in results[:-1]} <= truthful
    assert results[-1].total_rows == 3


async def test_any_damage_to_an_xls_gives_an_answer(start_pool: StartPool, tmp_path: Path) -> None:
    """Every number in it may be the damaged one."""
    pool = await start_pool(2)
    intact = write_xls(tmp_path / "intact", {(1, 0): "Ana", (1, 1): 5511912345678.0}).read_bytes()
    chance = random.Random(20261123)
    jobs = []
    for at in range(60):
        content = bytearray(intact)
        for _ in range(chance.choice([1, 2, 5, 20])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        (tmp_path / f"damaged-{at}").write_bytes(content)
        jobs.append(job_of(tmp_path / f"damaged-{at}"))
    for some in range(0, len(jobs), 10):
        for result in await asyncio.gather(*map(pool.read, jobs[some : some + 10])):
            assert result.refusal is None or result.refusal.code in PROBLEMS
            assert refusal_code(result) != "internal_error"
    assert (await pool.read(job(tmp_path))).total_rows == 3
