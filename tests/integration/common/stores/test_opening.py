"""What a transaction is told goes with its BEGIN, belongs to it alone, and leaves no broken connection behind."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.postgres import Postgres
from libs.common.stores.postgres_opening import Opened

COMPANY = text("SELECT coalesce(current_setting('leadflow.company_id', true), '')")
WHO = text("SELECT concat_ws(' ', current_user, current_setting('leadflow.company_id', true))")


@pytest_asyncio.fixture
async def single(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[Postgres]:
    """One connection: what a transaction leaves, the next one finds."""
    url = stores[0].postgres_url.get_secret_value()
    postgres = Postgres(PostgresSettings(postgres_url=SecretStr(url), postgres_pool_size=1), application_name="one")
    yield postgres
    await postgres.close()


async def driver_of(postgres: Postgres) -> Opened:
    async with postgres.engine.connect() as connection:
        return (await connection.get_raw_connection()).driver_connection  # type: ignore[return-value]


async def test_what_a_transaction_is_told_costs_no_way_of_its_own(single: Postgres) -> None:
    """Beside its statements, which the driver does not show here, it has a beginning and an end."""
    driver, asked = await driver_of(single), list[str]()
    driver.add_query_logger(lambda query: asked.append(query.query))
    async with single.transaction(company_id=7, by_index=True) as connection:
        assert (await connection.execute(WHO)).scalar_one() == "leadflow_tenant 7"
    begun, ended = asked
    assert begun.startswith("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT set_config(")
    assert ended == "COMMIT;"


async def test_nothing_of_it_is_left_to_the_next(single: Postgres) -> None:
    """Also when nothing was asked in it, and so it never began."""
    async with single.transaction(company_id=7):
        pass
    async with single.engine.begin() as connection:
        assert (await connection.execute(WHO)).scalar_one().split()[0] != "leadflow_tenant"
    async with single.transaction(company_id=8) as connection:
        assert (await connection.execute(COMPANY)).scalar_one() == "8"
    async with single.transaction() as connection:
        assert (await connection.execute(COMPANY)).scalar_one() == ""


async def test_a_savepoint_is_no_beginning(single: Postgres) -> None:
    async with single.transaction(company_id=7) as connection:
        async with connection.begin_nested():
            assert (await connection.execute(COMPANY)).scalar_one() == "7"
        assert (await connection.execute(COMPANY)).scalar_one() == "7"


async def test_a_beginning_that_fails_half_way_breaks_no_other(
    single: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is in a transaction then, and the driver does not know: the connection must not be used again."""
    monkeypatch.setattr(single._opening, "of", lambda *_, **__: "SELECT 1 / 0")
    with pytest.raises(DBAPIError, match="division by zero"):
        async with single.transaction() as connection:
            await connection.execute(COMPANY)
    monkeypatch.undo()
    async with single.transaction(company_id=7) as connection:
        assert (await connection.execute(COMPANY)).scalar_one() == "7"


async def test_a_beginning_that_nobody_waits_for_breaks_no_other(
    single: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single._opening, "of", lambda *_, **__: "SELECT pg_sleep(60)")

    async def begin() -> None:
        async with single.transaction() as connection:
            await connection.execute(COMPANY)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await begin()
    monkeypatch.undo()
    async with single.transaction(company_id=7) as connection:
        assert (await connection.execute(COMPANY)).scalar_one() == "7"
