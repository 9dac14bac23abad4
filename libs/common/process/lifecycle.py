"""The life of a service's process: what it holds is started, what works beside it runs, and all of it ends in order.

A process answers its health checks from the first second, and starts beside that: it asks each server that it needs
until that answers, for ever. One whose password is wrong, or whose server is away, is not ready and says why; it takes
no message, and it need not be started again.
"""

import asyncio
import itertools
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import structlog
import uvicorn

from libs.common.errors import BadDay, describe, is_bad_day, reason
from libs.common.periodic import pause
from libs.common.process.garbage import collect_rarely
from libs.common.trouble import Trouble

EXIT_CANNOT_START = 3
"""Something of the process' own cannot start, and will not by waiting: no server is to blame."""
EXIT_DEAD = 70
"""Work of the process' own has ended, or waits for what will not come: only a new start helps."""
LOOK_SECONDS = 5.0
"""Between two looks whether it is so."""
LONGEST_PAUSE_SECONDS = 5.0
"""Between two questions to a server that does not answer at the start. A question costs a server little, and a process
shall begin soon after its server is back."""

FIRST_PATIENCE_SECONDS = 4.0
LONGEST_PATIENCE_SECONDS = 32.0
"""How long the first question waits for its answer, and the later ones at most: each waits twice as long as the one
before. The first is short, so that the reason is soon known. Were all so short, a process on a machine that is too busy
would never start: it would drop each connection shortly before it was made."""

log = structlog.get_logger()

Step = Callable[[], Awaitable[None]]


class Server(Protocol):
    """A server that a process needs. ``place`` is what it is and where, for people: ``PostgreSQL at host:port``."""

    @property
    def place(self) -> str: ...

    async def ask(self, *, seconds: float) -> None:
        """Return when the server would take our work. Raises what it, the network or the driver says instead.

        It waits for about so many seconds.
        """


class Store(Server, Protocol):
    """A server whose connections are closed at the end."""

    async def close(self) -> None: ...


class Background(Protocol):
    """Work beside what the service answers or handles, such as a relay. ``run`` returns soon after ``stop``.

    Where it has a ``trouble`` (``Trouble``), that says what fails of it: it goes on by itself, whatever that is.
    """

    async def run(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Connection:
    """What is started when its server answers, again and again until it succeeds."""

    server: Server
    start: Step
    close: Step


class Lifecycle:
    """What one process holds and runs. Declare it all, then enter ``running`` once.

    Every kind of service is one: ``ConsumerService`` and ``HttpService`` beside this file.
    """

    def __init__(self, name: str, *, jitter: Callable[[], float] = random.random) -> None:
        self.name = name
        self.exit_code = 0
        self.started = False
        """Everything runs: its stores have answered, what it holds and its connections have started."""
        self.reached = False
        """Its stores have answered once, and what it holds has started; its connections may still be awaited."""
        self.stores: list[Store] = []
        self.background: list[Background] = []
        self._held: list[tuple[Step | None, Step]] = []
        self._connections: list[_Connection] = []
        self._troubles: dict[str, Trouble] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stops = asyncio.Event()
        self._jitter = jitter
        self._server: uvicorn.Server | None = None

    @property
    def stopping(self) -> bool:
        return self._stops.is_set()

    def holds(self, *stores: Store) -> None:
        """Ask these servers before anything is started, until each has answered; close them at the end."""
        self.stores.extend(stores)
        self.closes(*(store.close for store in stores))

    def starts(self, start: Step, *, close: Step) -> None:
        """Call ``start`` when the stores have answered, and ``close`` when the process ends.

        Starts are called in the order in which they were declared, closes in the reverse order (see ``closes``).
        ``close`` is also called when ``start`` failed half-way. A start that fails ends the process: it is for what
        is the process' own, which waiting does not mend.
        """
        self._held.append((start, close))

    def closes(self, *resources: Step) -> None:
        """Call these when the process ends, last one first, also when another of them failed."""
        self._held.extend((None, close) for close in resources)

    def connects(self, server: Server, start: Step, *, close: Step) -> None:
        """After all starts, ask ``server`` until it answers, and call ``start`` until it succeeds.

        ``close`` is called after a start that failed, and when the process ends.
        """
        self._connections.append(_Connection(server, start, close))

    def runs(self, *background: Background) -> None:
        """Run these once everything has started; stop them and wait for their end before anything is closed."""
        self.background.extend(background)

    def starting(self) -> str | None:
        """Say what the start waits for, why and since when; None when everything runs."""
        if self.started:
            return None
        waits = [trouble.lasting() or f"{trouble.what}: no answer yet" for trouble in self._troubles.values()]
        return f"starting: {'; '.join(waits)}" if waits else "starting"

    def awaited(self) -> list[str]:
        """Say which servers the start has asked in vain, why and since when."""
        return [told for trouble in self._troubles.values() if (told := trouble.lasting()) is not None]

    def failing(self, *, lasting: float) -> list[str]:
        """Say what work in the background has failed at for at least so many seconds."""
        troubles = (getattr(work, "trouble", None) for work in self.background)
        told = (trouble.lasting(lasting) for trouble in troubles if isinstance(trouble, Trouble))
        return [each for each in told if each is not None]

    def dead(self) -> str | None:
        """Say which work of this process has ended by an error, or None.

        No server can be the cause: work goes on whatever a server does. So only a new start helps.
        """
        if self.stopping:
            return None
        return next((f"{task.get_name()} has ended" for task in self._tasks if task.done() and _error(task)), None)

    async def _end_when_dead(self) -> None:
        """End the process when only a new start helps: not everybody who starts processes asks them how they are."""
        while not (self.stopping or (why := self.dead())):
            await pause(LOOK_SECONDS, until=self._stops)
        if not self.stopping:
            log.error("ends, to be started again", why=why)
            self.end(EXIT_DEAD)

    def end(self, code: int) -> None:
        """End the process in order, with this exit code."""
        self.exit_code = self.exit_code or code
        if self._server is not None:
            self._server.should_exit = True

    def serve(self, config: uvicorn.Config) -> None:
        """Answer HTTP until SIGTERM or ``end``, then exit. 3: something of the process' own could not start."""
        self._server = uvicorn.Server(config)
        with suppress(KeyboardInterrupt):  # uvicorn has stopped in order and raises the signal once more
            self._server.run()
        sys.exit(self.exit_code if self._server.started else EXIT_CANNOT_START)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Yield at once and start everything meanwhile; end everything. A start may be ended half-way, too.

        What cannot start for a reason of its own calls ``end``.
        """
        try:
            async with AsyncExitStack() as held:
                start = asyncio.create_task(self._start(held), name="start")
                try:
                    yield
                finally:
                    self._stops.set()
                    start.cancel()
                    await asyncio.wait([start])
                    for work in self.background:
                        work.stop()
                    await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            log.info("stopped")

    async def _start(self, held: AsyncExitStack) -> None:
        try:
            await asyncio.gather(*(self._answer(store) for store in self.stores))
            for start, close in self._held:
                held.push_async_callback(close)
                if start is not None:
                    await start()
            self.reached = True
            for connection in self._connections:
                await self._connect(connection, held)
        except Exception as error:  # noqa: BLE001 - whatever it is, waiting does not mend it
            log.error("cannot start", error=describe(error))  # noqa: TRY400 - the traceback is the driver's
            self.end(EXIT_CANNOT_START)
            return
        self._tasks = [asyncio.create_task(work.run(), name=type(work).__name__) for work in self.background]
        for task in self._tasks:
            task.add_done_callback(self._tell_end)
        self._tasks.append(asyncio.create_task(self._end_when_dead(), name="end when dead"))
        self.started = True
        collect_rarely()
        log.info("started")

    async def _connect(self, connection: _Connection, held: AsyncExitStack) -> None:
        async def start() -> None:
            try:
                await connection.start()
            except Exception:
                await connection.close()
                raise

        await self._answer(connection.server)
        held.push_async_callback(connection.close)
        await self._until(connection.server.place, start)

    async def _answer(self, server: Server) -> None:
        """Ask until it answers, whatever it says meanwhile: no new start would make it say anything else."""
        patience = (min(LONGEST_PATIENCE_SECONDS, FIRST_PATIENCE_SECONDS * 2**tries) for tries in itertools.count())

        async def ask() -> None:
            try:
                await server.ask(seconds=next(patience))
            except Exception as error:
                if is_bad_day(error):
                    raise
                raise BadDay(reason(error)) from error

        await self._until(server.place, ask)

    async def _until(self, place: str, step: Step) -> None:
        """Take the step until it succeeds. Raises what is no bad day: an error of our own code."""
        trouble = self._troubles[place] = Trouble(place, service=self.name)
        for tries in itertools.count(1):
            try:
                await step()
            except Exception as error:
                if not is_bad_day(error):
                    raise
                trouble.fails(reason(error))
                await asyncio.sleep(self._pause(tries))
            else:
                trouble.works()
                del self._troubles[place]
                return

    def _pause(self, tries: int) -> float:
        longest: float = min(LONGEST_PAUSE_SECONDS, 0.1 * 2 ** min(tries, 10))
        return longest * (0.5 + self._jitter() / 2)

    def _tell_end(self, task: asyncio.Task[None]) -> None:
        if not self.stopping and (error := _error(task)):
            log.error("work in the background has ended", work=task.get_name(), error=error)


def _error(task: asyncio.Task[None]) -> str | None:
    """Return what ended a task, in words; None when it was done with its work."""
    if task.cancelled():
        return "it was cancelled"
    error = task.exception()
    return None if error is None else describe(error)
