"""Alembic's entry point: upgrades run as ``leadflow migrate`` with the URL of ``LEADFLOW_POSTGRES_URL``."""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from libs.common.settings import PostgresSettings
from libs.common.stores.postgres import sqlalchemy_url

# Two replicas that start together must not migrate together.
MIGRATION_LOCK = 7_140_215


def _upgrade(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=None, version_table_schema="amigocare")
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS amigocare"))
        context.run_migrations()


async def _run() -> None:
    url = sqlalchemy_url(PostgresSettings().postgres_url.get_secret_value())
    engine = create_async_engine(url, poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade)
            await connection.commit()
    finally:
        await engine.dispose()


asyncio.run(_run())
