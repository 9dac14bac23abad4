"""A table that others hold: the migration gives up soon, says who holds it, and leaves nothing half done."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from services.operator.migrate import LockNotGranted, MigrationRefused, upgrade_postgres
from services.operator.settings import MigrationSettings
from tests.support.command_line import leadflow
from tests.support.stack import Addresses
from tests.support.waiting import eventually

SHORT = {"LEADFLOW_MIGRATE_LOCK_TIMEOUT_SECONDS": "0.4", "LEADFLOW_MIGRATE_LOCK_TRIES": "2"}
SECRET = "11987654321"

# The first revision refers to the host platform's users: that takes a lock which a writer of that table holds up.
WRITES = f"INSERT INTO amigocare.companies (id, name) VALUES (9, '{SECRET}')"


@asynccontextmanager
async def holder(url: str) -> AsyncIterator[int]:
    """A session that wrote and did not commit; yield its pid."""
    connection = await asyncpg.connect(url, server_settings={"application_name": "nightly-report"})
    try:
        await connection.execute("BEGIN")
        await connection.execute(WRITES)
        yield connection.get_server_pid()
    finally:
        await connection.close()


async def ours(url: str) -> set[str]:
    """Return the tables that the migrations made."""
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'amigocare'")
        return {name for (name,) in found} - {"companies", "users", "messaging_accounts", "attendances", "patients"}
    finally:
        await connection.close()


async def test_a_lock_that_is_not_to_be_had_is_told_and_nothing_is_half_done(
    servers: Addresses, platform_url: str
) -> None:
    async with holder(platform_url) as pid:
        code, said = await leadflow("migrate", servers=servers, postgres_url=platform_url, **SHORT)
    assert code == 1
    assert re.search(r"Try 1 of 2; again in 0\.4 s\.", said)
    assert "No lock in 2 tries of 0.4 s" in said
    assert re.search(r"wanted: +amigocare\.companies \(ShareRowExclusiveLock\)", said)
    assert re.search(r"statement: CREATE TABLE amigocare\.tags", said)
    assert re.search(
        rf"held by: +pid {pid}, nightly-report, idle in transaction, its transaction began \d+ s ago", said
    )
    assert f"pg_terminate_backend({pid})" in said
    assert "LEADFLOW_MIGRATE_LOCK_TRIES" in said
    assert SECRET not in said, "the holder's statement carries personal data"
    assert "Traceback" not in said
    assert await ours(platform_url) == set(), "not even the tables that were made before the one that waits"
    code, said = await leadflow("migrate", servers=servers, postgres_url=platform_url, **SHORT)
    assert code == 0, said
    assert "lead_imports" in await ours(platform_url)


@pytest.mark.parametrize(
    ("connections", "told"),
    [
        (2, r"pid \d+, nightly-report, state not visible, age not visible\n"),
        (1, r"a session that could not be seen\n"),
    ],
)
async def test_what_our_role_may_not_see_is_said_to_be_hidden(platform_url: str, connections: int, told: str) -> None:
    """No superuser; and none to spare for looking beside the migration is no reason not to migrate."""
    admin = await asyncpg.connect(platform_url)
    for statement in (
        f"CREATE ROLE migrator LOGIN PASSWORD 'migrator' CONNECTION LIMIT {connections}",
        "GRANT CREATE ON DATABASE leadflow_migrations TO migrator",
        "GRANT CREATE, USAGE ON SCHEMA amigocare TO migrator",
        "GRANT REFERENCES ON ALL TABLES IN SCHEMA amigocare TO migrator",
    ):
        await admin.execute(statement)
    url = re.sub("//.*@", "//migrator:migrator@", platform_url)
    settings = MigrationSettings(postgres_url=url, migrate_lock_timeout_seconds=0.5, migrate_lock_tries=1)
    with pytest.raises(MigrationRefused) as refused:
        await upgrade_postgres(settings)
    for statement in re.findall(r"^  (GRANT .*;)$", str(refused.value), re.MULTILINE):
        await admin.execute(statement)
    try:
        async with holder(platform_url):
            with pytest.raises(LockNotGranted, match="held by: +" + told):
                await upgrade_postgres(settings)
    finally:
        await admin.execute("DROP OWNED BY migrator")
        await admin.execute("DROP ROLE migrator")
        await admin.close()


async def test_it_goes_on_as_soon_as_the_table_is_free(platform_url: str) -> None:
    said: list[str] = []
    settings = MigrationSettings(postgres_url=platform_url, migrate_lock_timeout_seconds=0.3, migrate_lock_tries=50)
    async with holder(platform_url):
        migrating = asyncio.create_task(upgrade_postgres(settings, say=said.append))

        async def told() -> bool:
            return bool(said)

        await eventually(told, what="the first try")
    await migrating
    assert "lead_imports" in await ours(platform_url)


async def test_others_get_through_between_two_tries(platform_url: str) -> None:
    """A writer that comes while the migration waits stands behind it, but no longer than the limit."""
    settings = MigrationSettings(postgres_url=platform_url, migrate_lock_timeout_seconds=0.5, migrate_lock_tries=3)
    longest = 0.0
    async with holder(platform_url):
        migrating = asyncio.create_task(upgrade_postgres(settings))
        other = await asyncpg.connect(platform_url)
        while not migrating.done():
            began = time.monotonic()
            await other.execute("UPDATE amigocare.companies SET name = name WHERE false")
            longest = max(longest, time.monotonic() - began)
            await asyncio.sleep(0.02)
        await other.close()
        with pytest.raises(LockNotGranted):
            await migrating
    assert 0.05 < longest < 2


async def test_two_migrations_at_once_are_one_after_the_other(servers: Addresses, platform_url: str) -> None:
    """The second waits for its turn however short the time for a lock, and finds everything done."""
    url, short = platform_url, SHORT | {"LEADFLOW_MIGRATE_LOCK_TRIES": "1"}
    ended = await asyncio.gather(*(leadflow("migrate", servers=servers, postgres_url=url, **short) for _ in range(3)))
    assert [code for code, _ in ended] == [0, 0, 0], ended
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM amigocare.lead_channels") == 3
    await connection.close()


async def test_a_database_that_does_not_know_us_is_said_in_a_line(servers: Addresses, platform_url: str) -> None:
    """An older version that comes after a newer one, and a server that is away."""
    await upgrade_postgres(MigrationSettings(postgres_url=platform_url))
    connection = await asyncpg.connect(platform_url)
    await connection.execute("INSERT INTO amigocare.alembic_version VALUES ('later_0042')")
    await connection.close()
    code, said = await leadflow("migrate", servers=servers, postgres_url=platform_url)
    assert code == 1
    assert "later_0042" in said
    assert "Traceback" not in said
    away = platform_url.replace(platform_url.rsplit("@", 1)[1], "127.0.0.1:1/leadflow")
    code, said = await leadflow("migrate", servers=servers, postgres_url=away)
    assert code == 1
    assert "PostgreSQL at 127.0.0.1:1 has not answered" in said
    assert "Traceback" not in said
