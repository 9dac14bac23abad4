"""What the real servers raise, and whether waiting can help."""

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo.errors import BulkWriteError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.errors import describe, is_bad_day, is_bad_message
from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.imports.chats import chats_of
from tests.support.chunks import created_like, new_phones
from tests.support.imports import accepted_chunk, insert_import, live_rows, tagged
from tests.support.kafka import unique
from tests.support.mongod import close_young
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.ports import free_port
from tests.support.readers import Stored
from tests.support.waiting import eventually

MARK = "maria@exemplo.com.br"


async def raised_by(postgres: Postgres, statement: str, **values: Any) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one it is, is the question
        async with postgres.transaction() as connection:
            await connection.execute(text(statement), values)
    error: Exception = caught.value
    assert MARK not in describe(error)
    return error


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("SELECT CAST(:v AS int)", {"v": 2**40}),
        ("SELECT CAST(:v AS int[])", {"v": [2**31]}),
        ("SELECT CAST(:v AS int)", {"v": MARK}),
        ("SELECT CAST(:v AS text)", {"v": f"{MARK}\x00"}),
        ("SELECT CAST(:v AS jsonb)", {"v": f'["{MARK}\\u0000"]'}),
        ("SELECT CAST(:v AS text)", {"v": f"{MARK}\ud800"}),
        ("SELECT 1 / CAST(:v AS int)", {"v": 0}),
        ("INSERT INTO amigocare.lead_import_tags VALUES (2147483647, 1, true)", {}),
        ("INSERT INTO amigocare.lead_channels (name) VALUES (:v)", {"v": "IMPORT"}),
        ("INSERT INTO amigocare.lead_channels (name) VALUES (:v)", {"v": "x" * 101}),
    ],
)
async def test_a_value_that_is_wrong_stays_wrong(postgres: Postgres, statement: str, values: dict[str, Any]) -> None:
    assert is_bad_message(await raised_by(postgres, statement, **values))


@pytest.mark.parametrize("statement", ["SELECT * FROM amigocare.no_such_table", "SELEC 1", "SELECT no_such_function()"])
async def test_a_statement_that_the_server_cannot_run_is_no_fault_of_the_message(
    postgres: Postgres, statement: str
) -> None:
    """A migration that is not there yet, a right that was taken away: somebody will mend it."""
    assert is_bad_day(await raised_by(postgres, statement))


async def test_a_session_that_the_server_ends_is_a_bad_day_and_the_pool_recovers(
    stores: tuple[PostgresSettings, MongoSettings], db: Stored
) -> None:
    postgres = Postgres(stores[0].model_copy(update={"postgres_pool_size": 1}), application_name="doomed")
    sleeping = asyncio.create_task(raised_by(postgres, "SELECT pg_sleep(20), :v", v=MARK))
    ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'leadflow-doomed'"

    async def end_it_at_work() -> bool:
        return bool(await db.value(f"{ended} AND state = 'active' AND query LIKE '%pg_sleep%'"))

    await eventually(end_it_at_work, what="the session at work")
    assert is_bad_day(await asyncio.wait_for(sleeping, 5))
    async with postgres.transaction() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    await db.value(ended)  # the idle session of the pool; who comes before its end was heard of meets a bad day

    async def recovers() -> bool:
        try:
            async with postgres.transaction() as connection:
                return bool((await connection.execute(text("SELECT 1"))).scalar_one() == 1)
        except DBAPIError as error:
            assert is_bad_day(error)
            return False

    await eventually(recovers, seconds=5, what="the pool's recovery")
    await postgres.close()


async def test_a_statement_that_takes_too_long_is_a_bad_day(stores: tuple[PostgresSettings, MongoSettings]) -> None:
    postgres = Postgres(stores[0].model_copy(update={"postgres_timeout_seconds": 0.3}), application_name="tests")
    assert is_bad_day(await raised_by(postgres, "SELECT pg_sleep(20)"))
    await postgres.close()


async def test_a_lock_that_is_not_given_in_time_is_a_bad_day(
    postgres: Postgres, crowd: Postgres, tenant: Tenant
) -> None:
    locking = "SELECT id FROM amigocare.companies WHERE id = :c FOR UPDATE"
    async with crowd.transaction() as connection:
        await connection.execute(text(locking), {"c": tenant.company_id})
        assert is_bad_day(await raised_by(postgres, f"{locking} NOWAIT", c=tenant.company_id))


async def test_a_pool_without_a_free_connection_is_a_bad_day(stores: tuple[PostgresSettings, MongoSettings]) -> None:
    settings = stores[0].model_copy(update={"postgres_pool_size": 1, "postgres_timeout_seconds": 0.3})
    postgres = Postgres(settings, application_name="tests")
    async with postgres.transaction():
        assert is_bad_day(await raised_by(postgres, "SELECT 1"))
    await postgres.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
async def test_a_postgresql_that_is_not_there_is_a_bad_day(host: str) -> None:
    url = SecretStr(f"postgresql://leadflow:secret@{host}:{free_port()}/leadflow")
    postgres = Postgres(PostgresSettings(postgres_url=url, postgres_timeout_seconds=2), application_name="tests")
    assert is_bad_day(await raised_by(postgres, "SELECT 1"))
    await postgres.close()


async def test_a_mongodb_that_is_not_there_is_a_bad_day() -> None:
    url = SecretStr(f"mongodb://127.0.0.1:{free_port()}/leadflow")
    mongo = Mongo(MongoSettings(mongo_url=url, mongo_timeout_seconds=0.3), application_name="tests")
    for call in (chats_of(mongo).find_one({}), chats_of(mongo).insert_many([{"name": MARK}], ordered=False)):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - which one it is, is the question
            await call
        assert is_bad_day(caught.value)
        assert MARK not in describe(caught.value)
    await close_young(mongo)


async def test_a_mongodb_that_takes_too_long_is_a_bad_day(
    stores: tuple[PostgresSettings, MongoSettings], db: Stored, tenant: Tenant
) -> None:
    await db.chats.insert_one({"company_id": tenant.company_id})
    mongo = Mongo(stores[1].model_copy(update={"mongo_timeout_seconds": 0.3}), application_name="tests")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one it is, is the question
        await chats_of(mongo).find_one({"company_id": tenant.company_id, "$where": "sleep(5000) || true"})
    assert is_bad_day(caught.value)
    await close_young(mongo)


async def test_a_document_that_mongodb_refuses_stays_refused(db: Stored, tenant: Tenant) -> None:
    name = await db.chats.create_index(
        "lead_id", unique=True, partialFilterExpression={"company_id": tenant.company_id}
    )
    try:
        with pytest.raises(BulkWriteError) as caught:
            await db.chats.insert_many(
                [{"company_id": tenant.company_id, "lead_id": 1, "name": MARK} for _ in range(2)], ordered=False
            )
    finally:
        await db.chats.drop_index(name)
    assert is_bad_message(caught.value)
    assert MARK not in describe(caught.value)


async def test_a_chunk_with_a_row_number_that_no_column_holds_does_not_wait_for_ever(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant
) -> None:
    import_id = await insert_import(postgres, tenant, row_counts=[1], name=unique("n"))
    chunk = accepted_chunk(tenant, import_id, live_rows(new_phones(1)))
    message = created_like(tagged(chunk))
    row = {"row": 2**40, "outcome": "error", "reason": "r", "cells": []}
    broken = type(message).model_validate(message.model_dump() | {"row_count": 2, "settled": [row]})
    await postgres_row_count(postgres, import_id, 2)
    with pytest.raises(DBAPIError) as caught:
        await pipeline.settle(broken)
    assert is_bad_message(caught.value)


async def postgres_row_count(postgres: Postgres, import_id: int, count: int) -> None:
    async with postgres.transaction() as connection:
        await connection.execute(
            text("UPDATE amigocare.lead_import_chunks SET row_count = :r WHERE import_id = :i"),
            {"r": count, "i": import_id},
        )
