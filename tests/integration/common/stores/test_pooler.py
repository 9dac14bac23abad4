"""Behind a pooler that gives each transaction another session of the server, nothing relies on a session."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.postgres import Postgres
from tests.support.pgbouncer import SESSIONS, needs_pgbouncer, pgbouncer
from tests.support.readers import Stored

pytestmark = needs_pgbouncer

SHOWN = """
    SELECT concat_ws(' ', current_setting('statement_timeout'), current_setting('timezone'), current_setting('jit'),
                     current_setting('application_name'), current_setting('transaction_isolation'), current_user,
                     current_setting('leadflow.company_id', true))
"""
BETWEEN = "SELECT concat_ws(' ', current_setting('statement_timeout'), current_setting('jit'), current_user)"


@pytest_asyncio.fixture(scope="module")
async def pooled_url(
    stores: tuple[PostgresSettings, MongoSettings], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    url = stores[0].postgres_url.get_secret_value()
    async with pgbouncer(url, tmp_path_factory.mktemp("pooler") / "own") as port:
        yield url.replace(url.rpartition("@")[2].partition("/")[0], f"127.0.0.1:{port}")


@pytest_asyncio.fixture
async def pooled(pooled_url: str) -> AsyncIterator[Postgres]:
    settings = PostgresSettings(
        postgres_url=SecretStr(pooled_url), postgres_pooler="transaction", postgres_timeout_seconds=20
    )
    postgres = Postgres(settings, application_name="pooled")
    yield postgres
    await postgres.close()


async def test_without_the_setting_the_pooler_refuses_us(pooled_url: str) -> None:
    postgres = Postgres(PostgresSettings(postgres_url=SecretStr(pooled_url)), application_name="pooled")
    with pytest.raises(DBAPIError, match="unsupported startup parameter"):
        async with postgres.transaction():
            pass
        async with postgres.transaction() as connection:
            await connection.execute(text("SELECT 1"))
    await postgres.close()


async def test_a_transaction_has_its_settings_and_leaves_none(pooled: Postgres) -> None:
    async with pooled.transaction() as connection:
        shown = (await connection.execute(text(SHOWN))).scalar_one()
    assert shown == "20s UTC off leadflow-pooled read committed leadflow"
    async with pooled.transaction(company_id=7, by_index=True) as connection:
        shown = (await connection.execute(text(SHOWN))).scalar_one()
    assert shown == "20s UTC off leadflow-pooled read committed leadflow_tenant 7"
    async with pooled.engine.connect() as connection:  # past `transaction`: what the session itself is set to
        assert (await connection.execute(text(BETWEEN))).scalar_one() == "0 on leadflow"


async def test_statements_are_found_whichever_session_a_transaction_gets(
    pooled_url: str, stores: tuple[PostgresSettings, MongoSettings], db: Stored
) -> None:
    """Four processes of ten connections are more than the server's sessions: each gets any of them."""
    settings = PostgresSettings(
        postgres_url=SecretStr(pooled_url), postgres_pooler="transaction", postgres_pool_size=10
    )
    processes = [Postgres(settings, application_name=f"pooled-{number}") for number in range(4)]
    sessions: set[int] = set()

    async def work(postgres: Postgres, number: int) -> None:
        for company in range(10):
            async with postgres.transaction(company_id=company) as connection:
                values = {"a": [number, company], "b": str(company)}
                answer = await connection.execute(
                    text("SELECT CAST(:a AS int[]), current_setting('leadflow.company_id') = :b, pg_backend_pid()"),
                    values,
                )
                given, own, session = answer.one()
                assert (given, own) == ([number, company], True)
                sessions.add(session)

    await asyncio.gather(*(work(postgres, number) for postgres in processes for number in range(10)))
    assert 1 < len(sessions) <= SESSIONS
    async with processes[0].transaction() as connection:
        kept = await connection.execute(text("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"))
        assert kept.scalar_one() == 0
    await asyncio.gather(*(postgres.close() for postgres in processes))
