"""PostgreSQL: one engine a process, transactions at the handlers' edge."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from libs.common.settings import PostgresSettings

ASK_SECONDS = 5.0
"""How long ``ask`` waits for an answer; its caller asks again."""


def sqlalchemy_url(url: str) -> str:
    """Return ``postgresql://…`` with the driver that SQLAlchemy shall use."""
    return "postgresql+asyncpg://" + url.split("://", 1)[1]


_TENANT = "SELECT set_config('role', 'leadflow_tenant', true), set_config('leadflow.company_id', :company_id, true)"
_BECOME_TENANT = text(_TENANT)
_BECOME_TENANT_BY_INDEX = text(_TENANT + ", set_config('enable_seqscan', 'off', true)")


class Postgres:
    """A pool of connections. ``transaction`` is the only place that commits."""

    def __init__(self, settings: PostgresSettings, *, application_name: str) -> None:
        seconds = settings.postgres_timeout_seconds
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(settings.postgres_url.get_secret_value()),
            pool_size=settings.postgres_pool_size,
            max_overflow=0,
            pool_timeout=seconds,
            # Errors are logged, and would quote the parameters of their statement: personal data.
            hide_parameters=True,
            connect_args={
                "timeout": seconds,
                "command_timeout": seconds + 5,
                "server_settings": {
                    "application_name": f"leadflow-{application_name}",
                    "timezone": "UTC",
                    "statement_timeout": str(int(seconds * 1000)),
                    "idle_in_transaction_session_timeout": str(int(seconds * 2000)),
                    # Statements are short: compiling them, or starting workers for them, costs more than it saves.
                    "jit": "off",
                    "max_parallel_workers_per_gather": "0",
                },
            },
        )

    @asynccontextmanager
    async def transaction(
        self, *, company_id: int | None = None, by_index: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        """Commit at the end of the block, roll back when it raises.

        With a ``company_id`` no other company's rows exist within it (row-level security), whatever the
        queries say. Without one all companies' rows do, for work that is of none: the relay, the command line.
        ``by_index`` forbids to read a table from end to end. It is for statements over many rows that look a key up for
        each of them, by themselves or through foreign keys. PostgreSQL may hold statistics, or a plan, from when the
        table was small, and by those reading all of it seems cheaper than looking up.
        """
        async with self.engine.begin() as connection:
            if company_id is not None:
                become = _BECOME_TENANT_BY_INDEX if by_index else _BECOME_TENANT
                await connection.execute(become, {"company_id": str(company_id)})
            yield connection

    @property
    def place(self) -> str:
        """What this is and where, for people: ``PostgreSQL at host:port``."""
        return f"PostgreSQL at {self.engine.url.host}:{self.engine.url.port or 5432}"

    async def ask(self) -> None:
        """Return when the server takes a transaction of ours. Raises what it, the network or the driver says instead.

        For the start of a process and for readiness: the address, the password and the database are right.
        """
        async with asyncio.timeout(ASK_SECONDS), self.transaction() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()
