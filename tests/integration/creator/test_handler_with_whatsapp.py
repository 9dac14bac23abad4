"""The creator with the WhatsApp check on: who is asked, what becomes of a row, what a replay asks again."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkTagged, Outcome
from services.creator.settings import Settings
from services.creator.whatsapp import ProviderAway, WhatsApp
from tests.support.chunks import new_phones
from tests.support.contacts import insert_chat
from tests.support.imports import accepted_chunk, insert_import, live_rows, tagged
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.whatsapp import Provider

ABSENT = 1


@pytest_asyncio.fixture
async def whatsapp(provider: Provider) -> AsyncIterator[WhatsApp]:
    whatsapp = WhatsApp(Settings(whatsapp_url=provider.url, whatsapp_attempts=2))
    yield whatsapp
    await whatsapp.close()


@pytest_asyncio.fixture
async def chunk(postgres: Postgres, tenant: Tenant) -> ChunkTagged:
    """Five phones, of which the second is not on WhatsApp."""
    phones = new_phones(5)
    phones[ABSENT] = phones[ABSENT][:-4] + "0000"
    import_id = await insert_import(postgres, tenant, row_counts=[5], name=unique("n"))
    return tagged(accepted_chunk(tenant, import_id, live_rows(phones)))


async def test_a_phone_that_is_not_on_whatsapp_is_an_error_row_and_no_lead(
    pipeline: Pipeline, chunk: ChunkTagged, whatsapp: WhatsApp, db: Stored
) -> None:
    created = await pipeline.create(chunk, whatsapp=whatsapp)
    (row,) = created.settled
    assert (row.row, row.outcome, row.reason, row.cells) == (
        chunk.live.row[ABSENT],
        Outcome.ERROR,
        "not_on_whatsapp",
        chunk.live.original_cells(ABSENT),
    )
    assert len(created.live) == 4
    assert await db.consistent(chunk.company_id) == 4


async def test_a_row_whose_lead_exists_is_not_asked_again(
    pipeline: Pipeline, chunk: ChunkTagged, whatsapp: WhatsApp, provider: Provider
) -> None:
    first = await pipeline.create(chunk, whatsapp=whatsapp)
    assert (await provider.seen())["requests"] == 5
    assert await pipeline.create(chunk, whatsapp=whatsapp) == first
    assert (await provider.seen())["requests"] == 6, "only the phone that has no lead"


async def test_a_lead_stays_created_though_its_phone_left_whatsapp_since(
    pipeline: Pipeline, chunk: ChunkTagged, whatsapp: WhatsApp
) -> None:
    everybody = await pipeline.create(chunk)  # while the check was off
    assert len(everybody.live) == 5
    assert await pipeline.create(chunk, whatsapp=whatsapp) == everybody


async def test_a_phone_with_which_a_customer_has_a_chat_is_not_asked(
    pipeline: Pipeline, chunk: ChunkTagged, whatsapp: WhatsApp, provider: Provider, db: Stored, tenant: Tenant
) -> None:
    await insert_chat(db, tenant, chunk.live.phone[3])
    created = await pipeline.create(chunk, whatsapp=whatsapp)
    assert {row.row: row.reason for row in created.settled} == {
        chunk.live.row[ABSENT]: "not_on_whatsapp",
        chunk.live.row[3]: "chat_exists",
    }
    assert (await provider.seen())["requests"] == 4


async def test_while_the_provider_is_away_nothing_is_created_and_afterwards_everything(
    pipeline: Pipeline, chunk: ChunkTagged, whatsapp: WhatsApp, provider: Provider, db: Stored
) -> None:
    await provider.behave("error")
    with pytest.raises(ProviderAway):
        await pipeline.create(chunk, whatsapp=whatsapp)
    assert await db.leads(chunk.company_id) == []
    assert await db.chats_of(chunk.company_id) == []
    await provider.behave()
    assert len((await pipeline.create(chunk, whatsapp=whatsapp)).live) == 4


async def test_with_the_check_off_nobody_is_asked(pipeline: Pipeline, chunk: ChunkTagged, provider: Provider) -> None:
    assert len((await pipeline.create(chunk)).live) == 5
    assert (await provider.seen())["requests"] == 0
