"""The second wall: within a company's transaction no other company's rows exist, whatever a statement says."""

from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.stores.postgres import Postgres
from tests.support.imports import insert_import
from tests.support.kafka import unique
from tests.support.platform import Tenant, create_tenant
from tests.support.walls import walled

WALLED = tuple(sorted(walled()))
"""Each holds a company's rows: a policy hides the others'."""
APPEND_ONLY = ("outbox",)
"""A company's transaction may add to it, and neither read nor change what is there."""


def at(table: str) -> str:
    """Return where a table stands: those of a schema of their own are named with it."""
    return table if "." in table else f"amigocare.{table}"


READ_ONLY = ("lead_channels", "lead_sources", "companies", "messaging_accounts", "patients", "users")
"""Shared, or the host platform's own, which has no policies of ours: it may be read, the queries are scoped."""
UNSEEN = ("alembic_version", "attendances")


@pytest_asyncio.fixture
async def ours(postgres: Postgres) -> tuple[Tenant, int]:
    return await company(postgres)


@pytest_asyncio.fixture
async def theirs(postgres: Postgres) -> tuple[Tenant, int]:
    return await company(postgres)


async def company(postgres: Postgres) -> tuple[Tenant, int]:
    """Return a company with a row in every walled table, and its import."""
    tenant = await create_tenant(postgres.engine)
    import_id = await insert_import(postgres, tenant, row_counts=[1], name=unique("import"))
    async with postgres.transaction() as connection:
        await connection.execute(
            text(
                "INSERT INTO amigocare.lead_channels (name) SELECT 'IMPORT' WHERE NOT EXISTS"
                " (SELECT FROM amigocare.lead_channels)"
            )
        )
        for table in ("amigocare_leads", *sorted(set(WALLED) - {"amigocare_leads", "lead_imports"})):
            await run(connection, *walled()[table].row(tenant, import_id, 0))
    return tenant, import_id


async def run(connection: AsyncConnection, statement: str, values: dict[str, Any]) -> int:
    """Execute; return how many rows it concerned. Values that the statement does not name are left out."""
    named = {name: value for name, value in values.items() if f":{name}" in statement}
    return (await connection.execute(text(statement), named)).rowcount


async def test_every_table_is_behind_the_wall_or_known_not_to_be(postgres: Postgres) -> None:
    """A new table fails here until somebody says which."""
    async with postgres.transaction() as connection:
        tables = await connection.execute(
            text(
                "SELECT CASE nspname WHEN 'amigocare' THEN relname ELSE nspname || '.' || relname END, relrowsecurity,"
                " (SELECT array_agg(privilege_type::text ORDER BY privilege_type)"
                " FROM information_schema.role_table_grants g WHERE g.table_schema = nspname"
                " AND g.table_name = relname AND g.grantee = 'leadflow_tenant')"
                " FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE nspname IN ('amigocare', 'crm') AND relkind IN ('r', 'p', 'v', 'm')"
            )
        )
        found = {name: (walled, set(granted or ())) for name, walled, granted in tables}
    expected = (
        dict.fromkeys(WALLED, (True, {"SELECT", "INSERT", "UPDATE", "DELETE"}))
        | dict.fromkeys(APPEND_ONLY, (True, {"INSERT"}))
        | dict.fromkeys(READ_ONLY, (False, {"SELECT"}))
        | dict.fromkeys(UNSEEN, (False, set()))
    )
    assert found == expected


@pytest.mark.parametrize("table", WALLED)
async def test_a_statement_without_a_scope_concerns_ones_own_rows_alone(
    postgres: Postgres, ours: tuple[Tenant, int], theirs: tuple[Tenant, int], table: str
) -> None:
    """Read, change and delete, all without a WHERE."""
    column = walled()[table].column
    mine, others = (
        {"company_id": tenant.company_id, "import_id": import_id}[column] for tenant, import_id in (ours, theirs)
    )
    theirs_alone = f"SELECT FROM {at(table)} WHERE {column} = :others"
    async with postgres.transaction() as connection:
        before = await run(connection, theirs_alone, {"others": others})
    assert before, "else this proves nothing"
    async with postgres.transaction(company_id=ours[0].company_id) as connection:
        seen = await connection.execute(text(f"SELECT DISTINCT {column} FROM {at(table)}"))
        assert list(seen.scalars()) == [mine]
        await run(connection, f"UPDATE {at(table)} SET {column} = {column}", {})
        if not walled()[table].referred_to:
            assert await run(connection, f"DELETE FROM {at(table)}", {}) >= 1
    async with postgres.transaction() as connection:
        assert await run(connection, theirs_alone, {"others": others}) == before


@pytest.mark.parametrize("table", WALLED)
async def test_a_row_of_another_company_cannot_be_written(
    postgres: Postgres, ours: tuple[Tenant, int], theirs: tuple[Tenant, int], table: str
) -> None:
    """Neither inserted, nor made of one's own; one's own can."""
    tenant, import_id = theirs
    statement, values = walled()[table].row(tenant, import_id, 1)
    if table == "chat_tags":  # their lead is not seen, so that it cannot be chosen: name it
        async with postgres.transaction() as connection:
            lead = await connection.execute(
                text("SELECT id FROM amigocare.amigocare_leads WHERE company_id = :c"), {"c": tenant.company_id}
            )
            values |= {"l": lead.scalars().first()}
        statement = (
            "INSERT INTO amigocare.chat_tags (chat_id, tag_id, lead_id, company_id, creator_id)"
            " VALUES (:k, :t, :l, :c, :u)"
        )
    with pytest.raises(DBAPIError, match="row-level security"):
        async with postgres.transaction(company_id=ours[0].company_id) as connection:
            await run(connection, statement, values)
    column = walled()[table].column
    value = {"company_id": tenant.company_id, "import_id": import_id}[column]
    with pytest.raises(DBAPIError, match="row-level security"):
        async with postgres.transaction(company_id=ours[0].company_id) as connection:
            await run(connection, f"UPDATE {at(table)} SET {column} = :v", {"v": value})
    async with postgres.transaction(company_id=ours[0].company_id) as connection:
        assert await run(connection, *walled()[table].row(*ours, 1)) == 1


@pytest.mark.parametrize("table", [*APPEND_ONLY, *READ_ONLY, *UNSEEN])
async def test_what_has_no_policy_cannot_be_changed(postgres: Postgres, ours: tuple[Tenant, int], table: str) -> None:
    forbidden = [f"DELETE FROM {at(table)}", f"TRUNCATE {at(table)}"]
    if table not in READ_ONLY:
        forbidden.append(f"SELECT FROM {at(table)}")
    for statement in forbidden:
        with pytest.raises(DBAPIError, match="permission denied"):
            async with postgres.transaction(company_id=ours[0].company_id) as connection:
                await connection.execute(text(statement))


async def test_the_wall_goes_with_its_transaction(postgres: Postgres, ours: tuple[Tenant, int]) -> None:
    """The pool hands the same connection to relay and finalizer, which are of no company."""
    async with postgres.transaction(company_id=ours[0].company_id) as connection:
        await connection.execute(text("SELECT 1"))
    async with postgres.transaction() as connection:
        found = await connection.execute(text("SELECT current_user, current_setting('leadflow.company_id', true)"))
        user, company_id = found.one()
    assert user != "leadflow_tenant"
    assert not company_id


async def test_without_a_company_a_tenant_sees_nothing(postgres: Postgres, ours: tuple[Tenant, int]) -> None:
    async with postgres.engine.begin() as connection:
        await connection.execute(text("SET LOCAL ROLE leadflow_tenant"))
        for table in WALLED:
            assert await run(connection, f"SELECT FROM {at(table)}", {}) == 0


async def test_every_table_of_ours_is_open_to_the_service_that_needs_it(postgres: Postgres) -> None:
    """A new table fails here until a revision says which: as a role that owns nothing its service would not see it."""
    async with postgres.transaction() as connection:
        policies = await connection.execute(
            text(
                "SELECT DISTINCT CASE schemaname WHEN 'amigocare' THEN '' ELSE schemaname || '.' END || tablename"
                " FROM pg_policies WHERE schemaname IN ('amigocare', 'crm')"
                " AND roles::text LIKE '{leadflow_%' AND roles <> '{leadflow_tenant}'"
            )
        )
        assert {*WALLED, *APPEND_ONLY} <= set(policies.scalars())
