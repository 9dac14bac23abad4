"""Sets are inserted in key order, so that chunks with the same keys in other orders never deadlock."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from tests.support.chunks import new_phones
from tests.support.imports import accepted_chunk, deduplicated, insert_import, live_rows, tagged
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored

ROUNDS = 8
KEYS = 400


async def chunks_of(
    postgres: Postgres, tenant: Tenant, orders: list[list[int]], *, phones: list[str], tags: list[str]
) -> list[ChunkAccepted]:
    """Return a chunk an import: its rows are the phones and tags in this order."""
    chunks = []
    for order in orders:
        import_id = await insert_import(postgres, tenant, row_counts=[len(order)], name=unique("n"))
        live = live_rows([phones[index] for index in order], tags=[[tags[index]] for index in order])
        chunks.append(accepted_chunk(tenant, import_id, live))
    return chunks


def opposite_orders(chance: random.Random) -> list[list[int]]:
    up = list(range(KEYS))
    return [up, up[::-1], chance.sample(up, KEYS), chance.sample(up, KEYS)]


async def all_at_once(calls: list[Callable[[], Awaitable[object]]]) -> None:
    results = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    assert [result for result in results if isinstance(result, BaseException)] == []


@pytest.mark.parametrize("what", ["phones", "tags"])
async def test_chunks_with_the_same_keys_in_opposite_orders_do_not_deadlock(
    what: str, pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    chance = random.Random(6)
    for _ in range(ROUNDS):
        phones = new_phones(KEYS)
        tags = [f"Etiqueta {unique('t')}" for _ in phones]
        chunks = await chunks_of(postgres, tenant, opposite_orders(chance), phones=phones, tags=tags)
        if what == "phones":
            await all_at_once([partial(pipeline.create, tagged(chunk)) for chunk in chunks])
        else:
            await all_at_once([partial(pipeline.tag, deduplicated(chunk)) for chunk in chunks])
    if what == "phones":
        assert await db.consistent(tenant.company_id) == ROUNDS * KEYS
    else:
        made = await db.value("SELECT count(*) FROM amigocare.tags WHERE company_id = :c", c=tenant.company_id)
        assert made == ROUNDS * KEYS + len(tenant.tag_ids)


async def test_the_database_would_refuse_the_other_order(postgres: Postgres, crowd: Postgres, tenant: Tenant) -> None:
    """A check that cannot fail proves nothing: without the order these chunks do deadlock."""
    names = [f"Etiqueta {unique('t')}" for _ in range(2)]
    insert = text(
        "INSERT INTO amigocare.tags (name, company_id, creator_id) VALUES (:name, :c, :u)"
        " ON CONFLICT (company_id, lower(name)) WHERE NOT is_deleted DO NOTHING"
    )
    ready = asyncio.Barrier(2)

    async def make(order: list[str]) -> None:
        async with crowd.transaction() as connection:
            for name in order:
                await connection.execute(insert, {"name": name, "c": tenant.company_id, "u": tenant.user_id})
                if name == order[0]:
                    await ready.wait()

    results = await asyncio.gather(make(names), make(names[::-1]), return_exceptions=True)
    (deadlock,) = [result for result in results if isinstance(result, DBAPIError)]
    assert "deadlock" in str(deadlock.orig)
