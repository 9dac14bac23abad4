"""Whom a session of PostgreSQL waits for, looked up from beside it: once its lock timed out, nothing shows it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.periodic import pause

# Without the holders' statements: those carry personal data. Another role's state and age are seen by superusers and
# members of pg_read_all_stats alone.
_WAITS_FOR = text(
    """
    SELECT lock.mode, coalesce(lock.relation::regclass::text, lock.locktype) AS target, holder.pid,
        session.application_name, session.state,
        extract(epoch FROM clock_timestamp() - session.xact_start)::float8 AS seconds
    FROM pg_locks lock
    CROSS JOIN LATERAL unnest(pg_blocking_pids(lock.pid)) AS holder (pid)
    LEFT JOIN pg_stat_activity session ON session.pid = holder.pid
    WHERE lock.pid = :pid AND NOT lock.granted
    ORDER BY session.xact_start NULLS LAST, holder.pid
    """
)


@dataclass(frozen=True, slots=True)
class Holder:
    """A session that holds a lock, or stands before us in the queue for it, as far as our role may see it."""

    pid: int
    application_name: str | None
    state: str | None
    seconds: float | None
    """Age of its transaction."""

    def __str__(self) -> str:
        if not self.pid:
            return "a prepared transaction (see pg_prepared_xacts)"
        age = "age not visible" if self.seconds is None else f"its transaction began {self.seconds:.0f} s ago"
        name = self.application_name or "without a name"
        return f"pid {self.pid}, {name}, {self.state or 'state not visible'}, {age}"


@dataclass(slots=True)
class Waits:
    """What was seen last."""

    mode: str = ""
    target: str = ""
    """The table, or what else is locked: ``transactionid``, ``virtualxid`` (another transaction's end)."""
    holders: Sequence[Holder] = field(default_factory=list)


@asynccontextmanager
async def watch_waits(engine: AsyncEngine, pid: int, *, every: float) -> AsyncIterator[Waits]:
    """Look every so many seconds whom the session with this ``pid`` waits for, until the block ends."""
    seen, done = Waits(), asyncio.Event()
    watching = asyncio.create_task(_watch(engine, pid, every, seen, done))
    try:
        yield seen
    finally:
        done.set()
        await watching


async def _watch(engine: AsyncEngine, pid: int, every: float, seen: Waits, done: asyncio.Event) -> None:
    # Who cannot be seen is not named: a server without a connection to spare is no reason not to migrate.
    with suppress(SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        # A transaction left open here would hold up an index that is built concurrently.
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            while not done.is_set():
                found = (await connection.execute(_WAITS_FOR, {"pid": pid})).all()
                if found:
                    seen.mode, seen.target = found[0].mode, found[0].target
                    seen.holders = [Holder(row.pid, row.application_name, row.state, row.seconds) for row in found]
                await pause(every, until=done)
