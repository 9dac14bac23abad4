"""dedup meets the leads and chats of its own import when a message comes again."""

import pytest_asyncio

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from tests.support.chunks import new_phones
from tests.support.contacts import insert_chat, insert_patient
from tests.support.imports import accepted_chunk, insert_import, live_rows
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored


@pytest_asyncio.fixture
async def chunk(postgres: Postgres, tenant: Tenant) -> ChunkAccepted:
    import_id = await insert_import(postgres, tenant, row_counts=[10], name=unique("n"))
    return accepted_chunk(tenant, import_id, live_rows(new_phones(10)))


async def test_a_message_that_comes_again_after_its_leads_were_made_is_passed_on_as_before(
    pipeline: Pipeline, chunk: ChunkAccepted
) -> None:
    first = await pipeline.dedup(chunk)
    await pipeline.until_created(chunk)
    assert await pipeline.dedup(chunk) == first
    assert first.settled == []


async def test_every_repeat_of_every_stage_says_created_again(
    pipeline: Pipeline, chunk: ChunkAccepted, db: Stored
) -> None:
    first = await pipeline.until_created(chunk)
    for _ in range(3):
        assert await pipeline.until_created(chunk) == first
    assert len(first.live) == 10
    assert await db.consistent(chunk.company_id) == 10


async def test_what_others_hold_is_still_found_beside_the_imports_own(
    pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, tenant: Tenant
) -> None:
    await insert_patient(db, tenant, chunk.live.phone[3])
    await insert_chat(db, tenant, chunk.live.phone[5])
    first = await pipeline.dedup(chunk)
    assert {row.row: row.reason for row in first.settled} == {5: "patient_exists", 7: "chat_exists"}
    await pipeline.until_created(chunk)
    assert await pipeline.dedup(chunk) == first
