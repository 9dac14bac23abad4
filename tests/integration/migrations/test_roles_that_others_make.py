"""Migrating as a role that makes no roles and owns no table of the platform; services that own nothing."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import get_args

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.settings import PostgresSettings
from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import Channel
from migrations.platform_rights import SERVICES
from services.operator.migrate import MigrationRefused, upgrade_postgres
from services.operator.settings import MigrationSettings
from tests.support.databases import HOST_PLATFORM, run_script
from tests.support.own_postgres import PASSWORD, OwnPostgres, own_postgres
from tests.support.platform import Tenant, create_tenant
from tests.support.processes import needs_local_stack
from tests.support.runbook import PID, cluster_commands, statements
from tests.support.stack import ROOT
from tests.support.waiting import eventually

pytestmark = needs_local_stack

OWNER = "crm_owner"
POSTGRESQL = ROOT / "docs" / "guide" / "postgresql.md"


def url_of(server: OwnPostgres, role: str) -> str:
    return server.url.replace("//leadflow:", f"//{role}:")


@pytest_asyncio.fixture(scope="module")
async def given(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnPostgres]:
    """A server of the platform's people, who let us in with a role that may do next to nothing."""
    async with own_postgres(tmp_path_factory.mktemp("given") / "server") as server:
        await run_script(server.url, HOST_PLATFORM)
        await server.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD '{PASSWORD}'")
        yield server


@pytest_asyncio.fixture(scope="module")
async def asked_for(given: OwnPostgres) -> str:
    """What `leadflow migrate` said at its first run, and what the platform's people then ran."""
    settings = MigrationSettings(postgres_owner_url=SecretStr(url_of(given, OWNER)))
    with pytest.raises(MigrationRefused) as refused:
        await upgrade_postgres(settings)
    connection = await asyncpg.connect(given.url)
    assert await connection.fetchval("SELECT to_regclass('amigocare.lead_imports')") is None
    statements = re.findall(r"^  (.*;)$", str(refused.value), re.MULTILINE)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()
    await upgrade_postgres(settings)
    await upgrade_postgres(settings)
    for service in SERVICES:
        login = f"CREATE ROLE crm_{service} LOGIN PASSWORD '{PASSWORD}' IN ROLE leadflow_{service}"
        await given.execute(login)
    return "\n".join(statements)


@pytest_asyncio.fixture
async def whole(given: OwnPostgres, asked_for: str) -> AsyncIterator[Postgres]:
    postgres = Postgres(PostgresSettings(postgres_url=SecretStr(given.url)), application_name="tests")
    yield postgres
    await postgres.close()


def pool_of(server: OwnPostgres, service: str) -> Postgres:
    url = SecretStr(url_of(server, f"crm_{service}"))
    return Postgres(PostgresSettings(postgres_url=url), application_name=service)


async def test_all_that_others_must_do_is_said_at_once(given: OwnPostgres, asked_for: str) -> None:
    assert "CREATE ROLE leadflow_dedup NOLOGIN;" in asked_for
    assert f"GRANT REFERENCES ON amigocare.companies TO {OWNER};" in asked_for
    assert "GRANT SELECT ON amigocare.patients TO leadflow_dedup;" in asked_for
    connection = await asyncpg.connect(given.url)
    owned = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'amigocare.lead_imports'::regclass"
    assert await connection.fetchval(owned) == OWNER
    may = "SELECT rolcreaterole OR rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = $1"
    assert await connection.fetchval(may, OWNER) is False
    await connection.close()


async def one_import_each(whole: Postgres) -> list[Tenant]:
    tenants = [await create_tenant(whole.engine) for _ in range(2)]
    async with whole.transaction() as connection:
        for tenant in tenants:
            await connection.execute(
                text(
                    "INSERT INTO amigocare.lead_imports (name, creator_id, company_id, source_id, account_id,"
                    " total_rows, chunk_count, file_sha256) VALUES ('n', :u, :c, :s, :a, 1, 1, repeat('0', 64))"
                ),
                {"u": tenant.user_id, "c": tenant.company_id, "s": tenant.source_id, "a": tenant.account_id},
            )
    return tenants


async def test_a_service_sees_its_company_s_rows_alone(given: OwnPostgres, whole: Postgres) -> None:
    ours, _ = await one_import_each(whole)
    for service, of_everybody in (("api", True), ("finalizer", True), ("tagger", False), ("creator", False)):
        postgres = pool_of(given, service)
        seen = text("SELECT DISTINCT company_id FROM amigocare.lead_imports")
        async with postgres.transaction(company_id=ours.company_id) as connection:
            who = (await connection.execute(text("SELECT current_user"))).scalar_one()
            assert who == f"crm_{service}", "no other role is taken"
            assert list((await connection.execute(seen)).scalars()) == [ours.company_id]
        async with postgres.transaction() as connection:
            companies = set((await connection.execute(seen)).scalars())
            assert (len(companies) > 1) is of_everybody
            assert of_everybody or not companies
        await postgres.close()


@pytest.mark.parametrize(
    ("service", "statement"),
    [
        ("dedup", "DELETE FROM amigocare.amigocare_leads"),
        ("dedup", "SELECT FROM amigocare.tags"),
        ("dedup", "UPDATE amigocare.lead_imports SET updated_at = now()"),
        ("dedup", "SELECT FROM amigocare.outbox"),
        ("tagger", "UPDATE amigocare.lead_imports SET status = 'FAILED'"),
        ("tagger", "SELECT FROM amigocare.amigocare_leads"),
        ("creator", "UPDATE amigocare.lead_import_chunks SET settled_at = now()"),
        ("creator", "SELECT FROM amigocare.patients"),
        ("finalizer", "DELETE FROM amigocare.lead_imports"),
        ("finalizer", "DELETE FROM amigocare.amigocare_leads"),
        ("api", "UPDATE amigocare.amigocare_leads SET updated_at = now()"),
        ("api", "DELETE FROM amigocare.amigocare_leads"),
        ("api", "UPDATE amigocare.patients SET deleted_at = now()"),
        ("undoer", "DELETE FROM amigocare.amigocare_leads"),
        ("undoer", "UPDATE amigocare.amigocare_leads SET name = NULL"),
        ("undoer", "UPDATE amigocare.lead_imports SET updated_at = now()"),
        ("undoer", "SELECT FROM amigocare.outbox"),
        ("api", "DELETE FROM amigocare.lead_imports"),
        ("operator", "UPDATE amigocare.outbox SET payload = ''"),
        ("operator", "DELETE FROM amigocare.outbox"),
        ("operator", "DELETE FROM amigocare.amigocare_leads"),
        ("operator", "UPDATE amigocare.amigocare_leads SET company_id = 2"),
        ("operator", "DELETE FROM amigocare.erasures"),
        ("operator", "UPDATE amigocare.erasures SET reference = ''"),
        ("operator", "DELETE FROM crm.audit_log"),
        ("operator", "UPDATE crm.opportunities SET stage_id = stage_id"),
        ("operator", "SELECT FROM crm.access_log"),
        ("api", "SET ROLE leadflow_tenant"),
        ("api", "CREATE TABLE amigocare.mine (id int)"),
    ],
)
async def test_a_service_may_do_what_its_store_does_and_no_more(
    given: OwnPostgres, asked_for: str, service: str, statement: str
) -> None:
    postgres = pool_of(given, service)
    with pytest.raises(DBAPIError, match="permission denied"):
        async with postgres.transaction(company_id=1) as connection:
            await connection.execute(text(statement))
    await postgres.close()


async def test_people_on_call_see_who_holds_everybody_up_and_end_it(given: OwnPostgres, asked_for: str) -> None:
    """With the role that docs/guide/postgresql.md makes for them, by the runbook's statements; with less they can't."""
    made = re.search(r"^    (CREATE ROLE crm_operator .*;)$", POSTGRESQL.read_text(), re.MULTILINE)
    assert made
    await given.execute(made[1].replace("crm_operator", "crm_on_call").replace("…", PASSWORD))
    _, holders, end = statements("PoolExhausted")
    overdue, _ = statements("PersonalDataOverdue")
    ours = {"application_name": "leadflow-operator"}
    holder = await asyncpg.connect(url_of(given, OWNER), server_settings=ours)
    await holder.execute("BEGIN; LOCK TABLE amigocare.lead_imports")
    api = pool_of(given, "api")

    async def wait() -> None:
        async with api.transaction() as connection:
            await connection.execute(text("SELECT FROM amigocare.lead_imports"))

    waiting = asyncio.create_task(wait())
    with_less, on_call = [await asyncpg.connect(url_of(given, login)) for login in ("crm_operator", "crm_on_call")]
    (found,) = await eventually(lambda: with_less.fetch(holders), what="who holds the lock")
    assert found["last_statement"] == "<insufficient privilege>"
    ending = end.replace(PID, str(found["pid"]))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await with_less.execute(ending)
    (found,) = await on_call.fetch(holders)
    assert found["last_statement"] == "BEGIN; LOCK TABLE amigocare.lead_imports"
    assert (found["state"], found["usename"], found["tables"]) == ("idle in transaction", OWNER, "lead_imports")
    assert found["open_for"] > timedelta()
    (oldest, *_) = await on_call.fetch(overdue)
    assert oldest["pid"] == found["pid"], "one of ours may hold the row as well"
    own = await holder.fetchval("SELECT inet_client_addr()")
    assert own
    assert found["client_addr"] == own, "by which a pod is found"
    await on_call.execute(ending)
    await waiting
    for each in (with_less, on_call):
        await each.close()
    await api.close()


async def test_a_channel_that_was_renamed_is_named_back_by_the_tables_owner(given: OwnPostgres, asked_for: str) -> None:
    """By the statements of the runbook, which the people on call may not run."""
    (look,) = statements("DeadLetters")
    (mend,) = (each for line in cluster_commands("DeadLetters") for each in re.findall(r'-c "(UPDATE [^"]*)"', line))
    owner, on_call = [await asyncpg.connect(url_of(given, login)) for login in (OWNER, "crm_operator")]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await on_call.fetch(look)
    there = await owner.fetch(look)
    assert {row["name"] for row in there if not row["is_deleted"]} == set(get_args(Channel))
    (lost,) = (row["id"] for row in there if row["name"] == "IMPORT")
    await owner.execute("UPDATE amigocare.lead_channels SET name = 'Importação', is_deleted = true WHERE id = $1", lost)
    await owner.execute(mend.replace("CHANNEL", str(lost)))
    assert await owner.fetch(look) == there
    for each in (owner, on_call):
        await each.close()


async def test_a_rule_that_refuses_rows_is_seen_and_taken_away_by_the_tables_owner(
    given: OwnPostgres, asked_for: str
) -> None:
    """By the statements of the page on repair, which are the same on Kubernetes and beside the local stack."""
    page = (ROOT / "docs" / "guide" / "repair.md").read_text()
    asked = re.findall(r'-c "([^"]*)"', page.partition("## A table's rule refuses rows")[2].partition("\n## ")[0])
    look, *mend = asked[:1] + asked[2:4]
    assert asked == [look, look, *mend, *mend]
    owner = await asyncpg.connect(url_of(given, OWNER))
    before = await owner.fetch(look)
    added = "ADD CONSTRAINT leads_have_an_owner CHECK (assigned_to IS NOT NULL) NOT VALID"
    await owner.execute(f"ALTER TABLE amigocare.amigocare_leads {added}")
    (found,) = {tuple(row) for row in await owner.fetch(look)} - {tuple(row) for row in before}
    assert found == ("leads_have_an_owner", "CHECK ((assigned_to IS NOT NULL)) NOT VALID")
    for statement in mend:
        await owner.execute(statement.replace("NAME", "leads_have_an_owner"))
    assert await owner.fetch(look) == before
    await owner.close()


async def test_the_revisions_make_a_role_for_each_service_that_has_a_store(platform_url: str) -> None:
    """A new one fails here until a revision makes its role."""
    await upgrade_postgres(MigrationSettings(postgres_url=SecretStr(platform_url)))
    connection = await asyncpg.connect(platform_url)
    open_to = await connection.fetch(
        "SELECT DISTINCT grantee::text FROM information_schema.role_table_grants"
        " WHERE table_schema = 'amigocare' AND grantee LIKE 'leadflow\\_%' AND grantee <> 'leadflow_tenant'"
    )
    await connection.close()
    assert {role for (role,) in open_to} == {f"leadflow_{service}" for service in SERVICES}
