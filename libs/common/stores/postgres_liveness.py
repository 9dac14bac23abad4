"""Which pooled connections may still be used: none that is dead, and none to a node that has become read-only.

A connection is looked at when it is taken from the pool. What the driver knows already costs nothing; only one that
was idle is asked, so that a process under load makes no call more than before.
"""

import asyncio
import time
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

IDLE_SECONDS = 1.0
"""Idle for longer, a connection is asked whether it lives: at most one more call a second and connection."""
ANSWER_SECONDS = 2.0
"""How long it may take to answer. With the new connection it stays below 5 seconds in all."""
READ_ONLY = "25006"
"""read_only_sql_transaction."""

_IDLE_SINCE = "idle_since"
_DEAD = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class Liveness:
    """Watches the connections of one engine. Everything happens in the loop that uses the engine."""

    def __init__(self, engine: AsyncEngine, *, must_write: bool) -> None:
        """``must_write``: a connection to a node that takes no writes is as good as dead."""
        self._must_write = must_write
        self._idle: dict[int, tuple[asyncpg.Connection[Any], float]] = {}
        for name, listener in (("checkin", self._checkin), ("checkout", self._checkout), ("close", self._close)):
            event.listen(engine.sync_engine, name, listener)
        event.listen(engine.sync_engine, "handle_error", self._failed)

    def _checkin(self, connection: Any, record: ConnectionPoolEntry) -> None:
        if connection is None:  # it was invalidated
            return
        now = time.monotonic()
        record.info[_IDLE_SINCE] = now
        self._idle[id(record)] = (connection.driver_connection, now)

    def _close(self, connection: Any, record: ConnectionPoolEntry) -> None:
        self._idle.pop(id(record), None)

    def _checkout(self, connection: Any, record: ConnectionPoolEntry, proxy: Any) -> None:
        self._idle.pop(id(record), None)
        since = record.info.pop(_IDLE_SINCE, None)
        if since is None:  # made this very moment
            return
        driver = connection.driver_connection
        if driver.is_closed() or (self._must_write and is_read_only(driver)):
            self._replace(driver)
        if time.monotonic() - since > IDLE_SECONDS:
            try:
                connection.run_async(_answers)
            except _DEAD:
                # Whatever was on the way of this one was on the way of those that were idle for as long.
                for other, other_since in self._idle.values():
                    if other_since <= since + IDLE_SECONDS:
                        other.terminate()
                self._replace(driver)

    @staticmethod
    def _replace(driver: "asyncpg.Connection[Any]") -> None:
        # At once, here and elsewhere: a farewell would wait for an answer.
        driver.terminate()
        raise DisconnectionError("the connection is dead, or its node takes no writes any more")

    def _failed(self, context: ExceptionContext) -> None:
        """Give up all pooled connections when one met a node that is not ours to write to, or no answer at all."""
        error = context.original_exception
        silent = isinstance(error, TimeoutError)
        if context.connection is None or not (silent or getattr(error, "sqlstate", None) == READ_ONLY):
            return
        context.is_disconnect = True
        if silent:
            # SQLAlchemy takes a time-out for a caller that went away, which says nothing of other connections.
            for other, _ in self._idle.values():
                other.terminate()
            driver = None if context.connection.invalidated else context.connection.connection.driver_connection
            if driver is not None:
                driver.terminate()


def is_read_only(driver: "asyncpg.Connection[Any]") -> bool:
    """Tell what the server has said of itself with its last answer; servers before version 14 say nothing."""
    settings = driver.get_settings()
    return "on" in {
        getattr(settings, "default_transaction_read_only", None),
        getattr(settings, "in_hot_standby", None),
    }


async def _answers(driver: "asyncpg.Connection[Any]") -> None:
    async with asyncio.timeout(ANSWER_SECONDS):
        await driver.execute("SELECT")
