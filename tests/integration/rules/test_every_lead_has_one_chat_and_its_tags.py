"""After quiet every lead has one chat that names it, the chat one lead, and the lead all its tags."""

import asyncio
import random

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from tests.support.chunks import new_phones
from tests.support.imports import accepted_chunk, insert_import, live_rows
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored

NAMES = ["VIP", "Feira", "Ação", "Indicação", "vip"]


async def test_after_repeats_in_any_order_every_lead_has_its_chat_and_all_its_tags(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    chance = random.Random(7)
    phones = new_phones(60)
    import_id = await insert_import(postgres, tenant, row_counts=[20] * 3, name=unique("n"))
    chunks: list[ChunkAccepted] = []
    wanted: dict[str, set[str]] = {}
    for index in range(3):
        numbers = phones[20 * index : 20 * (index + 1)]
        tags = [chance.sample(NAMES[:4], chance.randint(0, 3)) for _ in numbers]
        wanted |= {phone: {*names, "Cliente"} for phone, names in zip(numbers, tags, strict=True)}
        live = live_rows(numbers, first_row=2 + 20 * index, tags=tags)
        chunks.append(accepted_chunk(tenant, import_id, live, chunk_index=index, tag_ids=[tenant.tag_ids[0]]))
    deliveries = chunks * 3
    chance.shuffle(deliveries)
    created = await asyncio.gather(*(pipeline.until_created(chunk) for chunk in deliveries))
    for message in created:
        await pipeline.settle(message)
    assert await db.consistent(tenant.company_id) == 60
    assert {lead["contact_cellphone"]: set(lead["tags"]) for lead in await db.leads(tenant.company_id)} == wanted
    for lead in await db.leads(tenant.company_id):
        assert len(lead["tags"]) == len(set(lead["tags"])), "a tag twice"
    (ended,) = await db.rows("SELECT * FROM amigocare.lead_imports WHERE id = :i", i=import_id)
    assert (ended["status"], ended["total_created"], ended["revision"]) == ("FINISHED", 60, 1)


async def test_the_checker_sees_a_lead_without_a_chat_and_a_chat_without_a_lead(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    """A check that cannot fail proves nothing."""
    import_id = await insert_import(postgres, tenant, row_counts=[3], name=unique("n"))
    created = await pipeline.until_created(accepted_chunk(tenant, import_id, live_rows(new_phones(3))))
    assert await db.consistent(tenant.company_id) == 3
    (chat, *_) = await db.chats_of(tenant.company_id)

    async def is_consistent() -> bool:
        try:
            await db.consistent(tenant.company_id)
        except AssertionError:
            return False
        return True

    await db.chats.delete_one({"_id": chat["_id"]})
    assert not await is_consistent()
    await db.chats.insert_one(chat | {"lead_id": chat["lead_id"] + 1_000_000})
    assert not await is_consistent()
    await db.chats.replace_one({"_id": chat["_id"]}, chat)
    assert await is_consistent()
    await db.execute("DELETE FROM amigocare.amigocare_leads WHERE id = :i", i=created.live.lead_id[0])
    assert not await is_consistent()
