"""PostgreSQL: one engine a process, transactions at the handlers' edge."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from libs.common.settings import PostgresSettings


def sqlalchemy_url(url: str) -> str:
    """Return ``postgresql://…`` with the driver that SQLAlchemy shall use."""
    return "postgresql+asyncpg://" + url.split("://", 1)[1]


_BECOME_TENANT = text(
    "SELECT set_config('role', 'leadflow_tenant', true), set_config('leadflow.company_id', :company_id, true)"
)

BY_INDEX = text("SET LOCAL enable_seqscan = off")
"""For the rest of a transaction that looks many keys up in a large table. Statistics, or a plan made before the
table grew, let a scan of all of it seem cheap."""


class Postgres:
    """A pool of connections. ``transaction`` is the only place that commits."""

    def __init__(self, settings: PostgresSettings, *, application_name: str) -> None:
        seconds = settings.postgres_timeout_seconds
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(settings.postgres_url.get_secret_value()),
            pool_size=settings.postgres_pool_size,
            max_overflow=0,
            pool_timeout=seconds,
            # Parameters are personal data; errors are logged.
            hide_parameters=True,
            connect_args={
                "timeout": seconds,
                "command_timeout": seconds + 5,
                "server_settings": {
                    "application_name": f"leadflow-{application_name}",
                    "timezone": "UTC",
                    "statement_timeout": str(int(seconds * 1000)),
                    "idle_in_transaction_session_timeout": str(int(seconds * 2000)),
                    # Chunk statements are short: compiling them costs more than it saves.
                    "jit": "off",
                },
            },
        )

    @asynccontextmanager
    async def transaction(self, *, company_id: int | None = None) -> AsyncIterator[AsyncConnection]:
        """Commit at the end of the block, roll back when it raises.

        With a ``company_id`` no other company's rows exist within it (row-level security), whatever the
        queries say. Without one it is ours: relay, finalizer, operator.
        """
        async with self.engine.begin() as connection:
            if company_id is not None:
                await connection.execute(_BECOME_TENANT, {"company_id": str(company_id)})
            yield connection

    async def close(self) -> None:
        await self.engine.dispose()
