"""PostgreSQL: one engine a process, transactions at the handlers' edge."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from itertools import product
from typing import cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from libs.common.addresses.postgres_address import PostgresAddress, read_postgres_address
from libs.common.settings import PostgresSettings
from libs.common.stores.metrics import POOL_SIZE, POOL_USED
from libs.common.stores.postgres_connecting import Connector
from libs.common.stores.postgres_liveness import Liveness
from libs.common.stores.postgres_opening import Opened, quoted

RECYCLE_SECONDS = 1800
"""A connection is not used for longer: memory that a session holds on the server is given back, and nodes that were
added are found."""

ASK_SECONDS = 5.0
"""How long ``ask`` waits for an answer; its caller asks again."""


# A role to which row-level security applies has policies of its own, which the company's id narrows. To the owner of
# the tables it does not apply: a company's transaction then takes the role of the tenants.
_TENANT = {
    "role": "CASE WHEN row_security_active('amigocare.outbox') THEN 'none' ELSE 'leadflow_tenant' END",
}
_BY_INDEX = {"enable_seqscan": "'off'"}
# An index that has the rows in order, but not beside each other in the table, is thought as dear as a disk's seeks.
_IN_ORDER = {"enable_bitmapscan": "'off'", "enable_sort": "'off'", "random_page_cost": "'1.1'"}

_ASK = text("SELECT 1")
# The error is the one that a write would meet. Whoever meets it gives up all connections to the node.
_ASK_TO_WRITE = text(
    """
    DO $$ BEGIN
        IF CAST(current_setting('transaction_read_only') AS bool) THEN
            RAISE read_only_sql_transaction USING MESSAGE = 'the node takes no writes';
        END IF;
    END $$
    """
)


def session_settings(settings: PostgresSettings, address: PostgresAddress, *, application_name: str) -> dict[str, str]:
    """Return what every session is set to: ours, and over it what the address says."""
    seconds = settings.postgres_timeout_seconds
    ours = {
        "application_name": address.application_name or f"leadflow-{application_name}",
        "timezone": "UTC",
        "statement_timeout": str(int(seconds * 1000)),
        "idle_in_transaction_session_timeout": str(int(seconds * 2000)),
        # Statements are short: compiling them, or starting workers for them, costs more than it saves.
        "jit": "off",
        "max_parallel_workers_per_gather": "0",
    }
    return ours | dict(address.settings)


class Postgres:
    """A pool of connections. ``transaction`` is the only place that commits."""

    def __init__(self, settings: PostgresSettings, *, application_name: str) -> None:
        seconds = settings.postgres_timeout_seconds
        address = read_postgres_address(settings.postgres_url.get_secret_value())
        session = session_settings(settings, address, application_name=application_name)
        pooled = settings.postgres_pooler == "transaction"
        self._opening = _Opening(session if pooled else {})
        connector = Connector(
            address,
            seconds=seconds,
            # A pooler gives each transaction another session of the server: settings go with the transaction, and a
            # statement that was prepared in one session would not be found in the next.
            start_up={} if pooled else session,
            prepares=not pooled,
            command_timeout=seconds + 5,
        )
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            pool_size=settings.postgres_pool_size,
            max_overflow=0,
            pool_timeout=seconds,
            # One that was just used is known to live.
            pool_use_lifo=True,
            pool_recycle=RECYCLE_SECONDS,
            # Locks and the statements after them rely on it: each statement sees what was committed before it. A
            # database may have another default.
            isolation_level="READ COMMITTED",
            # Errors are logged, and would quote the parameters of their statement: personal data.
            hide_parameters=True,
            connect_args={
                "async_creator_fn": connector.connect,
                **({"prepared_statement_cache_size": 0} if pooled else {}),
            },
        )
        self._must_write = address.target in {"read-write", "primary"}
        Liveness(self.engine, must_write=self._must_write)
        POOL_SIZE.labels(application_name).set(settings.postgres_pool_size)
        POOL_USED.labels(application_name).set_function(cast("QueuePool", self.engine.pool).checkedout)
        self.place = f"PostgreSQL at {', '.join(f'{host}:{port}' for host, port in address.hosts)}"
        """What this is and where, for people: ``PostgreSQL at host:port``, or several, separated by commas."""

    @asynccontextmanager
    async def transaction(
        self,
        *,
        company_id: int | None = None,
        by_index: bool = False,
        in_order: bool = False,
        lock_seconds: float | None = None,
    ) -> AsyncIterator[AsyncConnection]:
        """Commit at the end of the block, roll back when it raises.

        With a ``company_id`` no other company's rows exist within it (row-level security), whatever the
        queries say. Without one all companies' rows do, for work that is of none: the relay, the command line.
        ``by_index`` forbids to read a table from end to end. It is for statements over many rows that look a key up for
        each of them, by themselves or through foreign keys. PostgreSQL may hold statistics, or a plan, from when the
        table was small, and by those reading all of it seems cheaper than looking up.
        ``in_order`` forbids to collect rows and sort them. It is for the first rows in an index's own order:
        behind the wall a company is asked for twice, PostgreSQL takes that for two conditions, expects fewer rows than
        there are, and would rather sort them all.
        ``lock_seconds`` is how long each of its statements waits for a lock at most, where that is less than a
        statement may take: who waits holds a connection of the pool.
        """
        async with self.engine.begin() as connection:
            raw = connection.sync_connection
            driver = cast("Opened", None if raw is None else raw.connection.driver_connection)
            with driver.begins_with(self._opening.of(company_id, lock_seconds, by_index=by_index, in_order=in_order)):
                yield connection

    async def ask(self, *, seconds: float = ASK_SECONDS) -> None:
        """Return when the server takes a transaction of ours. Raises what it, the network or the driver says instead.

        For the start of a process and for readiness: the address, the password and the database are right, and the
        node takes writes. One that does not is asked no more: the pool looks for another.
        """
        async with asyncio.timeout(seconds), self.transaction() as connection:
            await connection.execute(_ASK_TO_WRITE if self._must_write else _ASK)

    async def close(self) -> None:
        await self.engine.dispose()


class _Opening:
    """The statement that a transaction begins with, by what is asked of it; empty when there is nothing to say."""

    def __init__(self, session: Mapping[str, str]) -> None:
        self._session = {name: quoted(value) for name, value in session.items()}

    def of(self, company_id: int | None, lock_seconds: float | None, *, by_index: bool, in_order: bool) -> str:
        settings = self._settings[company_id is not None, by_index, in_order]
        if company_id is not None:
            settings = [*settings, f"set_config('leadflow.company_id', '{company_id:d}', true)"]
        if lock_seconds is not None:
            settings = [*settings, f"set_config('lock_timeout', '{lock_seconds * 1000:.0f}', true)"]
        return f"SELECT {', '.join(settings)}" if settings else ""

    @cached_property
    def _settings(self) -> dict[tuple[bool, ...], list[str]]:
        return {wanted: self._of(*wanted) for wanted in product((False, True), repeat=3)}

    def _of(self, tenant: bool, by_index: bool, in_order: bool) -> list[str]:  # noqa: FBT001 - the key of the table
        local = self._session | (_TENANT if tenant else {})
        local |= (_BY_INDEX if by_index else {}) | (_IN_ORDER if in_order else {})
        return [f"set_config('{name}', {value}, true)" for name, value in local.items()]
