"""A pool of reading processes: files are read beside the event loop, in processes that may be lost.

Each worker takes one job at a time. A worker that is past its deadline, died, was left by its request, or
grew large is killed and another is started in its place.
"""

import asyncio
import contextlib
import json
import math
import os
import signal
import sys
import time
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from pathlib import Path
from typing import cast

from libs.common.web.refusals import Refused
from services.api.reading.domain.job import ReadingJob, ReadingResult
from services.api.reading.metrics import READING_SECONDS, READING_WAITING

_ROOT = Path(__file__).resolve().parents[3]
_ANSWER_LIMIT = 4 << 20
"""Bytes. What is said of a file in one answer is bounded, cell by cell; all of it together has half of this at most."""
_SECONDS_TO_START = 30
_SENT_BY_PEOPLE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
"""Signals that people and orchestrators send, and the kernel when memory is short: a worker that died of one says
nothing about its file. A file that makes its reader fail makes it die of others, SIGABRT or SIGSEGV."""
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""A process that reads hostile files is not told the api's secrets."""


class ReadingPool:
    """``size`` workers, and at most ``max_waiting`` jobs that wait for one.

    ``grace`` seconds after a job's own time limit its worker is killed. A worker that ever held more than
    ``recycle_bytes`` is replaced after its job.
    """

    def __init__(self, size: int, *, max_waiting: int = 16, grace: float = 5.0, recycle_bytes: int = 256 << 20) -> None:
        self._workers = [_Worker(grace, recycle_bytes) for _ in range(size)]
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._max_waiting = max_waiting
        self._waiting = 0
        self._usual_seconds = 1.0
        self._running = False
        READING_WAITING.set_function(lambda: self._waiting)

    async def start(self) -> None:
        """Start the workers and wait until each is ready."""
        try:
            await asyncio.gather(*(worker.start() for worker in self._workers))
        except BaseException:
            await self.stop()
            raise
        for worker in self._workers:
            self._idle.put_nowait(worker)
        self._running = True

    async def stop(self) -> None:
        """End every worker, also those at work: their jobs are refused as ``unavailable``."""
        self._running = False
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    async def stuck(self) -> str | None:
        """Return why no file can be read, or None. A process that died while it had nothing to do is started again.

        One that lives is enough: files then wait for it.
        """
        alive = [worker.lives() for worker in self._workers]
        return None if any(alive) else "no process that reads files can be started"

    async def read(self, job: ReadingJob) -> ReadingResult:
        """Run the job in a worker and return its answer; ``refusal`` says what is wrong with the file.

        Raises Refused with ``busy`` when too many jobs wait already, with ``unavailable`` after ``stop``.
        """
        if not self._running:
            raise Refused("unavailable")
        if self._idle.empty() and self._waiting >= self._max_waiting:
            raise Refused("busy", retry_after=self._seconds_to_wait())
        self._waiting += 1
        try:
            worker = await self._idle.get()
        finally:
            self._waiting -= 1
        began = time.monotonic()
        try:
            return await worker.run(job)
        finally:
            seconds = time.monotonic() - began
            READING_SECONDS.observe(seconds)
            self._usual_seconds += (seconds - self._usual_seconds) / 8
            self._idle.put_nowait(worker)

    def _seconds_to_wait(self) -> int:
        return max(1, math.ceil(self._usual_seconds * (self._waiting + 1) / len(self._workers)))


class _Worker:
    """One place in the pool: a process at a time, replaced when it is lost."""

    def __init__(self, grace: float, recycle_bytes: int) -> None:
        self._grace = grace
        self._recycle_bytes = recycle_bytes
        self._process: Process | None = None
        self._replacing: asyncio.Task[None] | None = None
        self._stopped = False
        self._at_work = False
        self._fails = False
        """The last process could not be started."""

    async def start(self) -> None:
        """Start the process and wait until it is ready. Raises RuntimeError when it ends instead."""
        self._process = await create_subprocess_exec(
            sys.executable,
            "-m",
            "services.api.reading.worker",
            stdin=PIPE,
            stdout=PIPE,
            limit=_ANSWER_LIMIT,
            env=_environment(),
        )
        try:
            async with asyncio.timeout(_SECONDS_TO_START):
                ready = await _line(self._process)
        except TimeoutError:
            ready = b""
        if not ready:
            await _kill(self._process)
            raise RuntimeError(f"a reading process ended with {self._process.returncode} before it was ready")

    async def stop(self) -> None:
        """Kill the process, whatever it does."""
        self._stopped = True
        if self._replacing is not None:
            self._replacing.cancel()
            await asyncio.wait([self._replacing])
        if self._process is not None:
            await _kill(self._process)

    async def run(self, job: ReadingJob) -> ReadingResult:
        """Return the job's answer. A worker killed from outside says nothing about its file, which is read again."""
        self._at_work = True
        try:
            return await self._run(job)
        finally:
            self._at_work = False

    async def _run(self, job: ReadingJob) -> ReadingResult:
        for _ in range(2):
            process = await self._ready()
            try:
                async with asyncio.timeout(job.limits.seconds + self._grace):
                    answer = await _ask(process, job)
            except TimeoutError:
                self._replace(process)
                return ReadingResult(refusal=Refused("file_too_slow"))
            except BaseException:
                # Whoever asked has gone, or the answer cannot be read to its end: what is left of it would be taken for
                # the next job's, which is another company's.
                self._replace(process)
                raise
            if answer:
                said = json.loads(answer)
                if not said["sound"] or said["peak_memory"] > self._recycle_bytes:
                    self._replace(process)
                return ReadingResult.from_plain(said["result"])
            died_of = await process.wait()
            self._replace(process)
            if self._stopped:
                raise Refused("unavailable")
            if -died_of not in _SENT_BY_PEOPLE:
                break
        return ReadingResult(refusal=Refused("file_broken", "The file makes its reader fail."))

    def lives(self) -> bool:
        """Tell whether there is a process, or will be soon: False when the last one could not be started.

        One that died while it had nothing to do is replaced; one that could not be started is tried again.
        """
        if not self._at_work:
            self._replace_the_dead()
        return not self._fails

    async def _ready(self) -> Process:
        self._replace_the_dead()
        if self._replacing is not None:
            await asyncio.shield(self._replacing)
        if self._stopped or self._fails or self._process is None:
            raise Refused("unavailable")
        return self._process

    def _replace_the_dead(self) -> None:
        """Replace a process that died while it had nothing to do, or that could not be started."""
        process = self._process
        if process is not None and process.returncode is not None and (not self._replacing or self._replacing.done()):
            self._replace(process)

    def _replace(self, process: Process) -> None:
        if not self._stopped:
            self._replacing = asyncio.create_task(self._start_instead_of(process))

    async def _start_instead_of(self, process: Process) -> None:
        await _kill(process)
        try:
            await self.start()
            self._fails = False
        except (OSError, RuntimeError):
            self._fails = True


async def _ask(process: Process, job: ReadingJob) -> bytes:
    """Return the worker's answer, or nothing when it died."""
    stdin = cast(StreamWriter, process.stdin)
    try:
        stdin.write(job.to_json().encode() + b"\n")
        await stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return b""
    return await _line(process)


async def _line(process: Process) -> bytes:
    """Return the next whole line, or nothing at the end of the output."""
    line = await cast(StreamReader, process.stdout).readline()
    return line if line.endswith(b"\n") else b""


async def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    # asyncio waits for the end of the output, too, which does not come while more of it is kept than the limit allows.
    with contextlib.suppress(RuntimeError):  # somebody reads it already
        await cast(StreamReader, process.stdout).read()
    await process.wait()


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {"PYTHONPATH": str(_ROOT), "RUST_BACKTRACE": "0"}
