"""A store that is asked says whether it would take our work, and else why not, in words without a secret."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url

from libs.common.errors import is_bad_day, reason
from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from tests.support.mongod import close_young, guarded_mongo
from tests.support.ports import free_port
from tests.support.readers import Stored

SECRET = "not-the-password"


async def answer(store: Postgres | Mongo) -> str:
    """Return why the store does not answer."""
    try:
        await store.ask()
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        assert is_bad_day(error)
        said = reason(error)
    else:
        raise AssertionError(f"{store.place} answers")
    finally:
        await close_young(store)
    assert SECRET not in said
    return said


def postgres_at(url: str) -> Postgres:
    return Postgres(PostgresSettings(postgres_url=SecretStr(url)), application_name="tests")


def mongo_at(url: str) -> Mongo:
    return Mongo(MongoSettings(mongo_url=SecretStr(url)), application_name="tests")


async def test_stores_that_are_well_answer(postgres: Postgres, mongo: Mongo) -> None:
    await postgres.ask()
    await mongo.ask()


async def test_postgresql_says_that_a_password_is_wrong_or_a_database_is_not_there(
    stores: tuple[PostgresSettings, MongoSettings], db: Stored
) -> None:
    url = make_url(stores[0].postgres_url.get_secret_value())
    await db.execute("DROP ROLE IF EXISTS asked")
    await db.execute("CREATE ROLE asked LOGIN PASSWORD 'right'")
    wrong = url.set(username="asked", password=SECRET).render_as_string(hide_password=False)
    store = postgres_at(wrong)
    assert store.place == f"PostgreSQL at {url.host}:{url.port}"
    assert await answer(store) == 'password authentication failed for user "asked" (28P01)'
    nowhere = url.set(database="nowhere").render_as_string(hide_password=False)
    assert await answer(postgres_at(nowhere)) == 'database "nowhere" does not exist (3D000)'
    await db.execute("DROP ROLE asked")


async def test_mongodb_says_that_a_password_is_wrong_or_missing(tmp_path: Path) -> None:
    async with guarded_mongo(tmp_path) as server:
        right = mongo_at(server.url)
        await right.ask()
        await right.close()
        store = mongo_at(f"mongodb://app:{SECRET}@{server.address}/leadflow?appName=a@b")
        assert store.place.startswith("MongoDB at ")
        assert await answer(store) == "Authentication failed. (18)"
        store = mongo_at(f"mongodb://app:{SECRET}@{server.address}/leadflow")
        assert store.place == f"MongoDB at {server.address}"
        assert await answer(store) == "Authentication failed. (18)"
        assert "requires authentication (13)" in await answer(mongo_at(f"mongodb://{server.address}/leadflow"))


async def test_a_server_that_is_not_there_is_said_within_seconds() -> None:
    port = free_port()
    assert "Connect call failed" in await answer(postgres_at(f"postgresql://a:{SECRET}@127.0.0.1:{port}/leadflow"))
    assert "Connect call failed" in await answer(mongo_at(f"mongodb://a:{SECRET}@127.0.0.1:{port}/leadflow"))
    assert "DNS" in await answer(mongo_at(f"mongodb+srv://a:{SECRET}@nowhere.invalid/leadflow"))


async def test_a_full_pool_does_not_answer(stores: tuple[PostgresSettings, MongoSettings]) -> None:
    settings = stores[0].model_copy(update={"postgres_pool_size": 1, "postgres_timeout_seconds": 0.3})
    store = Postgres(settings, application_name="tests")
    async with store.transaction() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(Exception) as caught:  # noqa: PT011 - which one it is, is the question
            await store.ask()
        assert is_bad_day(caught.value)
    await store.close()
