"""Duplicate check and foreign keys take the index also while the tables have no fresh statistics."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from services.dedup.store import Store
from tests.support.chunks import new_phones
from tests.support.contacts import insert_lead, insert_patient
from tests.support.databases import make_databases
from tests.support.imports import accepted_chunk, insert_import, live_rows, tagged
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.stack import Addresses

MANY = 20_000
TABLES = ("amigocare_leads", "patients")
PARENTS = ("companies", "users", "messaging_accounts", "lead_sources", "lead_imports", "amigocare_leads", "tags")
"""What a lead and its chat_tags refer to."""
PHONES = [f"319{80_000_000 + number * 80}" for number in range(500)]
"""Of leads the first half, of nobody the others."""

_LEADS = """
    INSERT INTO amigocare.amigocare_leads (contact_cellphone, company_id, amigocare_messaging_account_id, creator_id,
                                           source_id, channel_id)
    SELECT '319' || (80000000 + n), :company, :account, :user, :source, (SELECT min(id) FROM amigocare.lead_channels)
    FROM generate_series(1, :many) n
"""
_PATIENTS = """
    INSERT INTO amigocare.patients (contact_cellphone, company_id)
    SELECT '319' || (90000000 + n), :company FROM generate_series(1, :many) n
"""


@pytest_asyncio.fixture(scope="module")
async def stores(servers: Addresses) -> tuple[PostgresSettings, MongoSettings]:
    """A database of this file alone: reads are counted a database, and sessions of other tests count theirs late."""
    return await make_databases(servers, "leadflow_statistics")


@pytest_asyncio.fixture(scope="module")
async def postgres(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[Postgres]:
    postgres = Postgres(stores[0], application_name="tests")
    yield postgres
    await postgres.close()


@pytest_asyncio.fixture(scope="module")
async def mongo(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[Mongo]:
    mongo = Mongo(stores[1], application_name="tests")
    yield mongo
    await mongo.close()


@pytest_asyncio.fixture(params=["never analysed", "analysed while nearly empty"])
async def loaded(request: pytest.FixtureRequest, db: Stored, tenant: Tenant) -> AsyncIterator[Tenant]:
    """A company with many leads and patients of which the planner knows nothing."""
    for table in TABLES:
        await db.execute(f"ALTER TABLE amigocare.{table} SET (autovacuum_enabled = false)")
    if request.param == "analysed while nearly empty":
        await insert_lead(db, tenant, "31900000000")
        await insert_patient(db, tenant, "31900000000")
        await db.execute("ANALYZE amigocare.amigocare_leads, amigocare.patients")
    company = {"company": tenant.company_id, "many": MANY}
    lead = {"account": tenant.account_id, "user": tenant.user_id, "source": tenant.source_id}
    await _without_foreign_keys(db, _LEADS, company | lead)
    await _without_foreign_keys(db, _PATIENTS, company)
    yield tenant
    for table in TABLES:
        await _without_foreign_keys(
            db, f"DELETE FROM amigocare.{table} WHERE company_id = :c", {"c": tenant.company_id}
        )
        await db.execute(f"ALTER TABLE amigocare.{table} RESET (autovacuum_enabled)")


async def _without_foreign_keys(db: Stored, statement: str, values: dict[str, int]) -> None:
    """Execute it without checking foreign keys: they are not what is asked here, and take most of the time."""
    async with db.engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text(statement), values)


async def reads_of(db: Stored, tables: tuple[str, ...] = TABLES) -> dict[str, tuple[int, int, int]]:
    """Return by table: rows read by scans, lookups by an index, entries of it that those found."""
    # What this session did before, such as removing the rows of another test, it may not have counted yet.
    await db.rows("SELECT pg_stat_force_next_flush()")
    rows = await db.rows(
        """
        SELECT relname, seq_tup_read, idx_scan,
               (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes i WHERE i.relid = t.relid) AS found
        FROM pg_stat_user_tables t WHERE relname = ANY(:t)
        """,
        t=list(tables),
    )
    return {row["relname"]: (row["seq_tup_read"], row["idx_scan"], row["found"]) for row in rows}


async def test_the_duplicate_check_looks_every_phone_up_by_the_index(
    stores: tuple[PostgresSettings, MongoSettings], mongo: Mongo, postgres: Postgres, db: Stored, loaded: Tenant
) -> None:
    import_id = await insert_import(postgres, loaded, row_counts=[len(PHONES)], name=unique("n"))
    before = await reads_of(db)
    chunk = accepted_chunk(loaded, import_id, live_rows(PHONES))
    fresh = Postgres(stores[0], application_name="tests")
    known = await Store(fresh, mongo).known_phones(chunk)
    await fresh.close()  # a session counts its reads at its end
    assert len(known) == len(PHONES) / 2
    after = await reads_of(db)
    for table in TABLES:
        scanned, lookups, found = (now - then for now, then in zip(after[table], before[table], strict=True))
        assert scanned == 0, f"{table} is read from one end to the other"
        assert lookups
        # Not exactly: other sessions count what they read before, too, when they come to it.
        assert found <= 2 * len(PHONES), f"{table} is read by the first columns of an index only"


async def test_foreign_keys_of_new_leads_are_looked_up_by_index(
    stores: tuple[PostgresSettings, MongoSettings], mongo: Mongo, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    """A session keeps its plan of such a check: made while a table is small, it would read all of it for every lead."""
    import_id = await insert_import(postgres, tenant, row_counts=[20], name=unique("n"))
    chunk = tagged(accepted_chunk(tenant, import_id, live_rows(new_phones(20))), [tenant.tag_ids] * 20)
    await db.execute(f"ANALYZE {', '.join(f'amigocare.{table}' for table in PARENTS)}")
    before = await reads_of(db, PARENTS)
    fresh = Postgres(stores[0], application_name="tests")
    created = await Pipeline(fresh, mongo).create(chunk)
    await fresh.close()  # a session counts its reads at its end
    assert len(created.live) == 20
    after = await reads_of(db, PARENTS)
    assert {table for table in PARENTS if after[table][0] > before[table][0]} == set(), "read from one end to the other"
    assert all(after[table][1] >= before[table][1] + 20 for table in PARENTS)
