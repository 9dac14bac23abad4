"""Empties imports that ended long ago of what they know of people."""

from math import nan

import structlog
from prometheus_client import Counter, Gauge

from libs.common.errors import describe
from libs.common.periodic import Periodic
from libs.common.trouble import Trouble
from libs.imports.expiry import SECONDS_A_DAY
from services.finalizer.store import Store

ROWS_EMPTIED = Counter(
    "leadflow_rows_emptied_total", "Rows of ended imports that were deleted because their time was over."
)
RETENTION_OVERDUE = Gauge(
    "leadflow_retention_overdue_seconds",
    "For how long the oldest import that should be empty has been due; 0 when none is.",
)
BETWEEN_PORTIONS_SECONDS = 1.0
"""What others do with the database goes on meanwhile."""

log = structlog.get_logger()


class Retention(Periodic):
    """A portion a turn. Every finalizer does: the import's row, which each locks, decides who empties it."""

    def __init__(self, store: Store, *, retention_days: float, sweep_seconds: float) -> None:
        super().__init__()
        self.trouble = Trouble("retention", service="finalizer")
        self._store = store
        self._after_seconds = retention_days * SECONDS_A_DAY
        self._sweep_seconds = sweep_seconds
        self._has_more = False

    def pause_seconds(self) -> float:
        return min(BETWEEN_PORTIONS_SECONDS, self._sweep_seconds) if self._has_more else self._sweep_seconds

    async def turn(self) -> None:
        """Empty; a server that is away is looked for again at the next turn."""
        try:
            self._has_more = await self.empty_once()
            RETENTION_OVERDUE.set(await self._store.overdue_seconds(self._after_seconds))
            self.trouble.works()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next turn looks again
            self._has_more = False
            RETENTION_OVERDUE.set(nan)
            self.trouble.fails(describe(error))

    async def empty_once(self) -> bool:
        """Empty the next portion; tell whether there was one. A second run takes the one behind it."""
        emptied = await self._store.empty_next(self._after_seconds)
        if emptied is None:
            return False
        ROWS_EMPTIED.inc(emptied.rows)
        if emptied.whole:
            log.info("an import's time is over: emptied", import_id=emptied.import_id)
        return True
