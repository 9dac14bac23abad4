"""The pool of reading processes: real processes that are stopped, killed, starved and left alone."""

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from libs.common.web.refusals import Refused
from services.api.reading import pool as pool_module
from services.api.reading.domain.spool import read_spool
from services.api.reading.pool import ReadingPool
from tests.integration.api.reading.reading_jobs import (
    StartPool,
    at_work,
    has_ended,
    job,
    job_of,
    pids,
    refusal_code,
    until,
)
from tests.support.waiting import eventually


async def test_jobs_run_side_by_side_and_each_gets_its_answer(start_pool: StartPool, tmp_path: Path) -> None:
    pool = await start_pool(2)
    jobs = [job(tmp_path, rows) for rows in range(1, 12)]
    results = await asyncio.gather(*map(pool.read, jobs))
    assert [result.total_rows for result in results] == list(range(1, 12))
    assert [sum(rows for _, rows, _ in read_spool(each.spool_path)) for each in jobs] == list(range(1, 12))


async def test_a_refused_file_is_an_answer_and_the_worker_goes_on(start_pool: StartPool, tmp_path: Path) -> None:
    pool = await start_pool()
    before = pids(pool)
    (tmp_path / "bad").write_text("no header\n")
    assert refusal_code(await pool.read(job_of(tmp_path / "bad"))) == "file_headers"
    assert (await pool.read(job(tmp_path))).total_rows == 3
    assert pids(pool) == before


async def test_a_full_disk_is_not_the_fault_of_the_file(start_pool: StartPool, tmp_path: Path) -> None:
    pool = await start_pool()
    to_full_disk = replace(job(tmp_path, rows=2_000), spool_path="/dev/full")
    assert refusal_code(await pool.read(to_full_disk)) == "no_room"
    assert (await pool.read(job(tmp_path))).total_rows == 3


async def test_a_job_past_its_time_is_interrupted(start_pool: StartPool, tmp_path: Path) -> None:
    """A named pipe that nobody writes to is a file that takes for ever to read."""
    pool = await start_pool(grace=30)
    before = pids(pool)
    os.mkfifo(tmp_path / "pipe")
    assert refusal_code(await pool.read(job_of(tmp_path / "pipe", seconds=0.2))) == "file_too_slow"
    assert (await pool.read(job(tmp_path))).total_rows == 3
    assert pids(pool) != before, "who was interrupted anywhere is not trusted with another file"


async def test_a_worker_that_does_not_answer_is_killed(start_pool: StartPool, tmp_path: Path) -> None:
    pool = await start_pool(grace=0.2)
    (frozen,) = pids(pool)
    os.kill(frozen, signal.SIGSTOP)
    assert refusal_code(await pool.read(job(tmp_path, seconds=0.2))) == "file_too_slow"
    assert (await pool.read(job(tmp_path))).total_rows == 3
    assert has_ended(frozen)


async def test_a_file_that_crashes_its_reader_is_broken(start_pool: StartPool, tmp_path: Path) -> None:
    pool = await start_pool()
    os.mkfifo(tmp_path / "pipe")
    parse = asyncio.create_task(pool.read(job_of(tmp_path / "pipe")))
    await at_work(pool, parse)
    os.kill(pids(pool)[0], signal.SIGABRT)
    assert refusal_code(await parse) == "file_broken"
    assert (await pool.read(job(tmp_path))).total_rows == 3


@pytest.mark.parametrize("killer", [signal.SIGKILL, signal.SIGTERM])
async def test_a_worker_killed_from_outside_says_nothing_about_the_file(
    start_pool: StartPool, tmp_path: Path, killer: signal.Signals
) -> None:
    pool = await start_pool()
    (frozen,) = pids(pool)
    os.kill(frozen, signal.SIGSTOP)
    parse = asyncio.create_task(pool.read(job(tmp_path)))
    await at_work(pool, parse)
    os.kill(frozen, killer)
    if killer is not signal.SIGKILL:  # which ends it as it stands; it may be gone by now
        os.kill(frozen, signal.SIGCONT)
    assert (await parse).total_rows == 3
    assert pids(pool) != [frozen]


async def test_a_worker_that_died_while_idle_is_replaced(start_pool: StartPool, tmp_path: Path) -> None:
    pool = await start_pool()
    (idle,) = pids(pool)
    psutil.Process(idle).kill()
    await until(lambda: has_ended(idle))
    assert (await pool.read(job(tmp_path))).total_rows == 3


async def test_too_many_waiting_jobs_are_refused_as_busy(start_pool: StartPool, tmp_path: Path) -> None:
    pool = await start_pool(1, max_waiting=1)
    (frozen,) = pids(pool)
    os.kill(frozen, signal.SIGSTOP)
    first, second = (asyncio.create_task(pool.read(job(tmp_path, rows))) for rows in (1, 2))
    await at_work(pool, first, second)
    with pytest.raises(Refused) as caught:
        await pool.read(job(tmp_path, 3))
    assert caught.value.code == "busy"
    assert (caught.value.retry_after or 0) >= 1
    os.kill(frozen, signal.SIGCONT)
    assert [result.total_rows for result in await asyncio.gather(first, second)] == [1, 2]
    assert (await pool.read(job(tmp_path, 3))).total_rows == 3


async def test_a_request_that_went_away_leaves_no_job_behind(start_pool: StartPool, tmp_path: Path) -> None:
    pool = await start_pool()
    (frozen,) = pids(pool)
    os.kill(frozen, signal.SIGSTOP)
    parse = asyncio.create_task(pool.read(job(tmp_path)))
    await at_work(pool, parse)
    parse.cancel()
    with pytest.raises(asyncio.CancelledError):
        await parse
    assert (await pool.read(job(tmp_path))).total_rows == 3
    assert has_ended(frozen)


async def test_a_request_that_went_away_while_it_waited_gives_its_place_free(
    start_pool: StartPool, tmp_path: Path
) -> None:
    pool = await start_pool(1, max_waiting=1)
    os.kill(pids(pool)[0], signal.SIGSTOP)
    first, second = (asyncio.create_task(pool.read(job(tmp_path))) for _ in range(2))
    await at_work(pool, first, second)
    second.cancel()
    await asyncio.wait([second])
    third = asyncio.create_task(pool.read(job(tmp_path)))
    await at_work(pool, first, third)
    os.kill(pids(pool)[0], signal.SIGCONT)
    assert [result.total_rows for result in await asyncio.gather(first, third)] == [3, 3]


async def test_a_worker_that_grew_large_is_replaced(start_pool: StartPool, tmp_path: Path) -> None:
    pool = await start_pool(recycle_bytes=1)
    seen = set()
    for _ in range(3):
        assert (await pool.read(job(tmp_path))).total_rows == 3
        seen |= set(pids(pool))
    assert len(seen) >= 2


async def test_the_memory_of_the_api_is_not_taken_for_the_workers(start_pool: StartPool, tmp_path: Path) -> None:
    """A process inherits the peak that ``getrusage`` tells from who started it."""
    ballast = b"x" * (300 << 20)
    pool = await start_pool()
    before = pids(pool)
    for _ in range(2):
        assert (await pool.read(job(tmp_path))).total_rows == 3
    assert pids(pool) == before
    assert ballast


async def test_stopping_refuses_what_runs_and_leaves_no_process(start_pool: StartPool, tmp_path: Path) -> None:
    pool = await start_pool(2)
    for pid in pids(pool):
        os.kill(pid, signal.SIGSTOP)
    tasks = [asyncio.create_task(pool.read(job(tmp_path))) for _ in range(3)]
    await at_work(pool, *tasks)
    before = pids(pool)
    await pool.stop()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [outcome.code for outcome in outcomes if isinstance(outcome, Refused)] == ["unavailable"] * 3
    with pytest.raises(Refused):
        await pool.read(job(tmp_path))
    assert not [pid for pid in before if psutil.pid_exists(pid)], "not even zombies"


async def test_a_pool_whose_workers_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    pool = ReadingPool(2)
    with pytest.raises(RuntimeError, match="before it was ready"):
        await pool.start()
    assert not [pid for pid in pids(pool) if psutil.pid_exists(pid)]


async def test_workers_do_not_know_the_secrets_of_the_api(
    start_pool: StartPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADFLOW_POSTGRES_URL", "postgresql://secret")
    pool = await start_pool()
    environment = psutil.Process(pids(pool)[0]).environ()
    assert "PATH" in environment
    assert not [name for name in environment if name.startswith("LEADFLOW_")]


OWNER = """
import asyncio
from services.api.reading.pool import ReadingPool

async def main():
    pool = ReadingPool(2)
    await pool.start()
    print(*[worker._process.pid for worker in pool._workers], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_workers_end_when_the_api_is_killed() -> None:
    environment = os.environ | {"PYTHONPATH": str(pool_module._ROOT)}
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, stdout=PIPE, env=environment)
    assert owner.stdout is not None
    workers = list(map(int, (await owner.stdout.readline()).split()))
    assert len(workers) == 2
    owner.kill()
    await owner.wait()
    await until(lambda: all(map(has_ended, workers)))


async def test_processes_that_died_while_they_had_nothing_to_do_are_replaced_before_a_file_comes(
    start_pool: StartPool,
) -> None:
    pool = await start_pool(2)
    before = pids(pool)
    assert await pool.stuck() is None
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    async def replaced() -> bool:
        assert await pool.stuck() is None
        return set(pids(pool)).isdisjoint(before) and all(map(psutil.pid_exists, pids(pool)))

    await eventually(replaced, what="new processes")


async def test_a_pool_whose_processes_cannot_be_started_is_not_ready_until_they_can(
    start_pool: StartPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pool = await start_pool(2)

    async def reason() -> str | None:
        return await pool.stuck()

    async def ready() -> bool:
        return await pool.stuck() is None

    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/bin/false")
        os.kill(pids(pool)[0], signal.SIGKILL)
        os.kill(pids(pool)[1], signal.SIGKILL)
        assert await eventually(reason, what="a reason") == "no process that reads files can be started"
        with pytest.raises(Refused, match="unavailable"):
            await pool.read(job(tmp_path))
    await eventually(ready, what="readiness")
    assert (await pool.read(job(tmp_path))).refusal is None


async def test_a_process_that_dies_at_work_is_replaced_once(start_pool: StartPool, tmp_path: Path) -> None:
    """Readiness is asked at the same moment, and must not start another one."""
    pool = await start_pool(1)
    started = 0
    start = pool._workers[0].start

    async def counted() -> None:
        nonlocal started
        started += 1
        await start()

    pool._workers[0].start = counted  # type: ignore[method-assign]
    reading = asyncio.create_task(pool.read(job(tmp_path, rows=50_000, max_rows=50_000)))
    await until(lambda: pool._workers[0]._at_work)
    os.kill(pids(pool)[0], signal.SIGKILL)
    while not reading.done():
        assert await pool.stuck() is None
        await asyncio.sleep(0)
    await reading
    assert started == 1
