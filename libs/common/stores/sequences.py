"""How full the sequences of our schema are: an int column takes 2,147,483,647 numbers, and then every insert fails."""

import structlog
from prometheus_client import Gauge
from sqlalchemy import text

from libs.common.errors import describe
from libs.common.periodic import Periodic
from libs.common.stores.postgres import Postgres

SEQUENCE_USED = Gauge(
    "leadflow_sequence_used_ratio",
    "Numbers of a sequence that are used up, of all that its column takes.",
    ["sequence"],
)
EVERY_SECONDS = 3600.0
"""A sequence fills in years; one statement an hour is enough."""
WARNING = 0.8

# last_value is empty for a sequence that we may not look at, and for one that nobody has used yet.
_USED = text(
    """
    SELECT sequencename::text AS name, last_value::float8 / max_value AS used FROM pg_sequences
    WHERE schemaname = 'amigocare' AND last_value IS NOT NULL
    """
)

log = structlog.get_logger()


class SequenceWatch(Periodic):
    """Counts at the start and then every hour. Warns in the log from 80% on, years before it is too late."""

    def __init__(self, postgres: Postgres, *, every_seconds: float = EVERY_SECONDS) -> None:
        super().__init__()
        self._postgres = postgres
        self._every_seconds = every_seconds

    def pause_seconds(self) -> float:
        return self._every_seconds

    async def turn(self) -> None:
        """Look; a server that is away is looked for again at the next turn."""
        try:
            await self.look_once()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next turn looks again
            log.warning("sequences could not be looked at", error=describe(error))

    async def look_once(self) -> dict[str, float]:
        """Set the metric; return how full each sequence is that nears its end."""
        async with self._postgres.transaction() as connection:
            rows = await connection.execute(_USED)
            used: dict[str, float] = {row.name: row.used for row in rows}
        for name, ratio in used.items():
            SEQUENCE_USED.labels(name).set(ratio)
        nearing = {name: ratio for name, ratio in used.items() if ratio >= WARNING}
        for name, ratio in nearing.items():
            log.warning("a sequence nears its end: its column must become bigint", sequence=name, used=round(ratio, 3))
        return nearing
