"""What is deployed today migrates without a step by hand, to what a fresh migration gives, and keeps its rows."""

import json
from typing import Any

import asyncpg
import pytest

from services.operator.migrate import upgrade_postgres
from services.operator.settings import MigrationSettings
from tests.support.catalogue import catalogue
from tests.support.command_line import leadflow
from tests.support.databases import make_deployed
from tests.support.stack import Addresses

ADDED = {"lead_channels": 2, "lead_sources": 4}
"""Rows that a migration makes where there were others."""
Rows = dict[str, list[dict[str, Any]]]


async def rows_of(url: str) -> Rows:
    """Return every row of every table but Alembic's own."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'amigocare'::regnamespace AND relkind = 'r'"
            " AND relname <> 'alembic_version' ORDER BY relname"
        )
        return {
            table: [
                json.loads(row)
                for (row,) in await connection.fetch(f"SELECT to_jsonb(t) FROM amigocare.{table} t ORDER BY 1")
            ]
            for (table,) in tables
        }
    finally:
        await connection.close()


@pytest.fixture
async def deployed_url(servers: Addresses) -> str:
    return await make_deployed(servers, "leadflow_deployed")


async def test_what_is_deployed_becomes_what_a_fresh_migration_gives(
    servers: Addresses, deployed_url: str, platform_url: str
) -> None:
    before = await rows_of(deployed_url)
    assert all(before.values()), "a row in every table, else this proves little"
    code, said = await leadflow("migrate", servers=servers, postgres_url=deployed_url)
    assert code == 0, said
    await upgrade_postgres(MigrationSettings(postgres_url=platform_url))
    migrated, fresh = await catalogue(deployed_url), await catalogue(platform_url)
    assert {kind for kind, found in fresh.items() if found} >= {
        "tables",
        "columns",
        "constraints",
        "indexes",
        "policies",
    }
    for kind, found in fresh.items():
        assert migrated[kind] == found, kind
    after = await rows_of(deployed_url)
    for table, rows in before.items():
        # Columns may have been added since.
        kept = [{name: row[name] for name in rows[0]} for row in after[table]]
        assert len(kept) == len(rows) + ADDED.get(table, 0), table
        assert [row for row in kept if row in rows] == rows, table


async def test_a_second_migration_changes_nothing(servers: Addresses, deployed_url: str) -> None:
    await upgrade_postgres(MigrationSettings(postgres_url=deployed_url))
    before = await catalogue(deployed_url), await rows_of(deployed_url)
    code, said = await leadflow("migrate", servers=servers, postgres_url=deployed_url)
    assert code == 0, said
    assert (await catalogue(deployed_url), await rows_of(deployed_url)) == before
    assert said == "PostgreSQL, MongoDB and Kafka are up to date.\n"


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE amigocare.tags ALTER COLUMN name TYPE varchar(254)",
        "ALTER TABLE amigocare.tags ALTER COLUMN is_deleted SET DEFAULT true",
        "ALTER TABLE amigocare.lead_import_chunks ALTER COLUMN payload SET STORAGE EXTENDED",
        "ALTER TABLE amigocare.lead_imports DROP CONSTRAINT lead_imports_status_check",
        "DROP INDEX amigocare.lead_imports_quota",
        "ALTER POLICY of_the_company ON amigocare.tags USING (true)",
        "ALTER TABLE amigocare.tags DISABLE ROW LEVEL SECURITY",
        "REVOKE DELETE ON amigocare.tags FROM leadflow_tenant",
        "REVOKE USAGE ON SCHEMA amigocare FROM leadflow_tenant",
        "REVOKE USAGE ON SEQUENCE amigocare.tags_id_seq FROM leadflow_tenant",
    ],
)
async def test_the_comparison_sees_a_difference(deployed_url: str, change: str) -> None:
    before = await catalogue(deployed_url)
    connection = await asyncpg.connect(deployed_url)
    await connection.execute(change)
    await connection.close()
    assert await catalogue(deployed_url) != before
