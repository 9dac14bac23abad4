"""Counts what waits and what is open in the database, for those who watch the whole of it."""

from math import nan

from prometheus_client import Gauge

from libs.common.errors import describe
from libs.common.periodic import Periodic
from libs.common.trouble import Trouble
from services.finalizer.store import Store

OUTBOX_WAITING = Gauge("leadflow_outbox_waiting", "Events that no relay has published yet; 100,000 and more are one.")
OUTBOX_AGE = Gauge("leadflow_outbox_age_seconds", "How old the oldest of these events is; 0 when none waits.")
CHUNKS_WAITING = Gauge(
    "leadflow_chunks_waiting", "Chunks of all imports that are neither sent nor in a relay's hands.", ["service"]
).labels("finalizer")
IMPORTS_IN_PROGRESS = Gauge("leadflow_imports_in_progress", "Imports that are not finished.")
IMPORT_AGE = Gauge("leadflow_import_age_seconds", "How old the oldest of these imports is; 0 when there is none.")
OPEN_DEAD_LETTERS = Gauge(
    "leadflow_open_dead_letters", "Chunks whose rows ended as errors in the dead letter, and are not repaired."
)
ALL = (OUTBOX_WAITING, OUTBOX_AGE, CHUNKS_WAITING, IMPORTS_IN_PROGRESS, IMPORT_AGE, OPEN_DEAD_LETTERS)


class OverviewWatch(Periodic):
    """Looks every ``watch_seconds``. Each finalizer says the same of all companies: take the greatest, not the sum."""

    def __init__(self, store: Store, *, watch_seconds: float) -> None:
        super().__init__()
        self.trouble = Trouble("overview", service="finalizer")
        self._store = store
        self._watch_seconds = watch_seconds

    def pause_seconds(self) -> float:
        return self._watch_seconds

    async def turn(self) -> None:
        """Look; a server that is away is looked for again at the next turn, and no number is better than an old one."""
        try:
            found = await self._store.overview()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next turn looks again
            for gauge in ALL:
                gauge.set(nan)
            self.trouble.fails(describe(error))
            return
        OUTBOX_WAITING.set(found.outbox)
        OUTBOX_AGE.set(found.outbox_age or 0)
        CHUNKS_WAITING.set(found.chunks_waiting)
        IMPORTS_IN_PROGRESS.set(found.imports)
        IMPORT_AGE.set(found.import_age or 0)
        OPEN_DEAD_LETTERS.set(found.dead_letters)
        self.trouble.works()
