"""The life of a service's process: what it holds is started, what works beside it runs, and all of it ends in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

import structlog

from libs.common.errors import describe
from libs.common.process.garbage import collect_rarely

log = structlog.get_logger()


class Background(Protocol):
    """Work beside what the service answers or handles, such as a relay. ``run`` returns soon after ``stop``."""

    async def run(self) -> None: ...

    def stop(self) -> None: ...


class Lifecycle:
    """What one process holds and runs. Declare it all, then enter ``running`` once.

    Every kind of service is one: ``ConsumerService`` and ``HttpService`` beside this file.
    """

    def __init__(self) -> None:
        self._held: list[tuple[Callable[[], Awaitable[None]] | None, Callable[[], Awaitable[None]]]] = []
        self._background: list[Background] = []

    def starts(self, start: Callable[[], Awaitable[None]], *, close: Callable[[], Awaitable[None]]) -> None:
        """Call ``start`` when the process begins, and ``close`` when it ends.

        Starts are called in the order in which they were declared, closes in the reverse order (see ``closes``).
        ``close`` is also called when ``start`` failed half-way.
        """
        self._held.append((start, close))

    def closes(self, *resources: Callable[[], Awaitable[None]]) -> None:
        """Call these when the process ends, last one first, also when another of them failed."""
        self._held.extend((None, close) for close in resources)

    def runs(self, *background: Background) -> None:
        """Run these once everything has started; stop them and wait for their end before anything is closed."""
        self._background.extend(background)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything, yield, and end everything. Raises what a start raises, after closing what was started."""
        try:
            async with AsyncExitStack() as held:
                await self._start(held)
                tasks = [asyncio.create_task(work.run(), name=type(work).__name__) for work in self._background]
                collect_rarely()
                log.info("started")
                try:
                    yield
                finally:
                    for work in self._background:
                        work.stop()
                    await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            log.info("stopped")

    async def _start(self, held: AsyncExitStack) -> None:
        try:
            for start, close in self._held:
                held.push_async_callback(close)
                if start is not None:
                    await start()
        except Exception as error:
            log.error("cannot start", error=describe(error))  # noqa: TRY400 - the traceback is the driver's
            raise
