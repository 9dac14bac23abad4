"""Reading processes of a pool, and small files for them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil

from libs.spreadsheets.limits import Limits
from services.api.reading.domain.job import ReadingJob, ReadingResult
from services.api.reading.pool import ReadingPool
from tests.support.imports import CHUNK_ROWS
from tests.unit.api.reading.runs import ENVELOPE, HEAD

StartPool = Callable[..., Awaitable[ReadingPool]]


def job(folder: Path, rows: int = 3, **limits: Any) -> ReadingJob:
    upload = folder / f"upload-{rows}"
    upload.write_text(HEAD + "".join(f"Lead {at},119{at:08},,,\n" for at in range(rows)))
    return job_of(upload, **limits)


def job_of(upload: Path, **limits: Any) -> ReadingJob:
    return ReadingJob(str(upload), f"{upload}.spool", ENVELOPE, Limits(**limits), chunk_rows=CHUNK_ROWS)


def pids(pool: ReadingPool) -> list[int]:
    return [worker._process.pid for worker in pool._workers if worker._process is not None]


def refusal_code(result: ReadingResult) -> str | None:
    return result.refusal.code if result.refusal else None


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 other processes set no events
            await asyncio.sleep(0.005)


async def at_work(pool: ReadingPool, *tasks: asyncio.Task[ReadingResult]) -> None:
    """Wait until each task has its worker or its place in the queue."""
    await until(lambda: len(tasks) <= len(pool._workers) - pool._idle.qsize() + pool._waiting)


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
