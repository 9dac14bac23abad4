"""Sends chunks again that fell silent: sent, unsettled, nothing of their import moves, and no lag explains it.

Lag explains the silence of the chunks that pass its partition, and of no others: one message that is stuck somewhere
must not keep all the others from being sent again.
"""

from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Counter

from libs.common.errors import describe
from libs.common.periodic import Periodic
from libs.common.trouble import Trouble
from libs.imports.chunk_path import PathLags, is_on_its_way
from services.finalizer.store import Store

CHUNKS_RESENT = Counter("leadflow_chunks_resent_total", "Chunks that fell silent and were sent again.", ["service"])

log = structlog.get_logger()


class Watchdog(Periodic):
    """Looks every ``watch_seconds``. ``lags`` counts the messages that wait in each partition of a chunk's path."""

    def __init__(
        self,
        store: Store,
        *,
        lags: Callable[[], Awaitable[PathLags]],
        wake_relay: Callable[[], None],
        watch_seconds: float,
        resend_after_seconds: float,
    ) -> None:
        super().__init__()
        self.trouble = Trouble("watchdog", service="finalizer")
        self._store = store
        self._lags = lags
        self._wake_relay = wake_relay
        self._watch_seconds = watch_seconds
        self._resend_after_seconds = resend_after_seconds

    def pause_seconds(self) -> float:
        return self._watch_seconds

    async def turn(self) -> None:
        """Watch; a server that is away is looked for again at the next turn."""
        try:
            await self.watch_once()
            self.trouble.works()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next turn looks again
            self.trouble.fails(describe(error))

    async def watch_once(self) -> int:
        """Send silent chunks again; return how many. A second run finds them sent a moment ago."""
        silent = await self._store.silent_chunks(self._resend_after_seconds)
        if not silent:
            return 0
        lags = await self._lags()
        lost = [chunk for chunk in silent if not is_on_its_way(chunk, lags)]
        if not lost:
            return 0
        await self._store.send_again(lost)
        self._wake_relay()
        CHUNKS_RESENT.labels("finalizer").inc(len(lost))
        log.warning("silent chunks are sent again", chunks=len(lost), imports=len({chunk[0] for chunk in lost}))
        return len(lost)
