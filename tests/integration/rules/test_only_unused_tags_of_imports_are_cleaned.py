"""Tags that imports made and nothing uses are cleaned by the last holder; every other tag stays."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from libs.common.errors import BadDay
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkTagged, Outcome
from libs.imports.chunk_states import NamedChunk
from services.api.reading.pool import ReadingPool
from services.operator.store import Store as Operator
from tests.support.chunks import created_like, new_phones, settled_row
from tests.support.contacts import insert_lead
from tests.support.imports import accepted_chunk, deduplicated, insert_import, live_rows
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.uploads import acceptor, reading_pool, wish


async def a_chunk(
    postgres: Postgres,
    tenant: Tenant,
    *names: str,
    phone: str | None = None,
    chunks: int = 1,
    tag_ids: list[int] | None = None,
) -> ChunkAccepted:
    """Return the first chunk, of one row with these tags, of a new import."""
    import_id = await insert_import(postgres, tenant, row_counts=[1] * chunks, name=unique("n"))
    live = live_rows([phone or new_phones(1)[0]], tags=[list(names)])
    return accepted_chunk(tenant, import_id, live, tag_ids=tag_ids)


async def tag(pipeline: Pipeline, chunk: ChunkAccepted) -> ChunkTagged:
    tagged = await pipeline.tag(deduplicated(chunk))
    assert tagged is not None
    return tagged


async def end_without_leads(pipeline: Pipeline, chunk: ChunkTagged) -> None:
    """Settle the chunk as if every one of its rows had lost the race for its phone."""
    message = created_like(chunk)
    lost = [settled_row(row, Outcome.EXISTING, "lead_exists") for row in message.live.row]
    await pipeline.settle(message.model_copy(update={"live": message.live.take([]), "settled": lost}))


async def live_tags(db: Stored, tenant: Tenant) -> set[str]:
    """Return the company's tags besides those it began with."""
    rows = await db.rows(
        "SELECT name FROM amigocare.tags WHERE company_id = :c AND NOT is_deleted AND NOT id = ANY(:own)",
        c=tenant.company_id,
        own=tenant.tag_ids,
    )
    return {row["name"] for row in rows}


async def test_a_tag_that_the_import_made_and_no_lead_got_is_cleaned(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    chunk = await tag(pipeline, await a_chunk(postgres, tenant, "Feira"))
    assert await live_tags(db, tenant) == {"Feira"}
    await end_without_leads(pipeline, chunk)
    assert await live_tags(db, tenant) == set()
    (row,) = await db.rows("SELECT * FROM amigocare.tags WHERE name = 'Feira' AND company_id = :c", c=tenant.company_id)
    assert (row["is_deleted"], row["destroyer_id"]) == (True, tenant.user_id)


async def test_a_tag_that_the_company_had_before_stays_though_nothing_uses_it(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    chunk = await tag(pipeline, await a_chunk(postgres, tenant, "vip", tag_ids=[tenant.tag_ids[0]]))
    await end_without_leads(pipeline, chunk)
    left = "SELECT count(*) FROM amigocare.tags WHERE id = ANY(:i) AND NOT is_deleted"
    assert await db.value(left, i=tenant.tag_ids) == 3


async def test_a_tag_that_a_lead_got_stays(pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant) -> None:
    await pipeline.whole(await a_chunk(postgres, tenant, "Feira"))
    assert await live_tags(db, tenant) == {"Feira"}


async def test_a_tag_whose_links_were_all_deleted_is_cleaned(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    await pipeline.whole(await a_chunk(postgres, tenant, "Feira"))
    await db.execute("UPDATE amigocare.chat_tags SET is_deleted = true WHERE company_id = :c", c=tenant.company_id)
    await end_without_leads(pipeline, await tag(pipeline, await a_chunk(postgres, tenant, "Feira")))
    assert await live_tags(db, tenant) == set()


async def test_a_tag_stays_while_another_import_in_progress_holds_it_and_the_last_holder_cleans_it(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    maker = await tag(pipeline, await a_chunk(postgres, tenant, "Feira"))
    holder = await tag(pipeline, await a_chunk(postgres, tenant, "feira"))
    await end_without_leads(pipeline, maker)
    assert await live_tags(db, tenant) == {"Feira"}
    await end_without_leads(pipeline, holder)
    assert await live_tags(db, tenant) == set(), "the last holder cleans what the earlier one had to leave"


async def test_a_tag_that_the_last_holders_lead_got_stays(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    maker = await tag(pipeline, await a_chunk(postgres, tenant, "Feira"))
    holder = await tag(pipeline, await a_chunk(postgres, tenant, "Feira"))
    await end_without_leads(pipeline, maker)
    created = await pipeline.create(holder)
    await pipeline.settle(created)
    assert await live_tags(db, tenant) == {"Feira"}


@pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
async def test_a_tag_that_somebody_is_just_giving_to_a_chat_stays_and_nobody_waits(
    commits: bool, pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    chunk = await tag(pipeline, await a_chunk(postgres, tenant, "Feira", "Loja"))
    lead_id = await insert_lead(db, tenant, new_phones(1)[0])
    give = text(
        "INSERT INTO amigocare.chat_tags (chat_id, tag_id, lead_id, company_id, creator_id)"
        " SELECT 'platform', id, :lead, company_id, creator_id FROM amigocare.tags"
        " WHERE name = 'Feira' AND company_id = :company"
    )
    async with postgres.engine.connect() as platform:
        await platform.execute(give, {"lead": lead_id, "company": tenant.company_id})
        await asyncio.wait_for(end_without_leads(pipeline, chunk), 5)
        await (platform.commit() if commits else platform.rollback())
    assert await live_tags(db, tenant) == {"Feira"}, "the other one is cleaned"


async def test_an_import_that_still_has_chunks_cleans_nothing(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    chunk = await tag(pipeline, await a_chunk(postgres, tenant, "Feira", chunks=2))
    await end_without_leads(pipeline, chunk)
    assert await live_tags(db, tenant) == {"Feira"}


async def test_two_holders_that_end_at_the_same_time_clean_the_tag_and_do_not_leak_it(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    for number in range(10):
        names = [f"Feira {number} {letter}" for letter in "abc"]
        chunks = [await tag(pipeline, await a_chunk(postgres, tenant, *order)) for order in (names, names[::-1])]
        await asyncio.gather(*(end_without_leads(pipeline, chunk) for chunk in chunks))
        assert await live_tags(db, tenant) == set()
    deleted = await db.value(
        "SELECT count(*) FROM amigocare.tags WHERE company_id = :c AND is_deleted", c=tenant.company_id
    )
    assert deleted == 30, "each tag was made once and cleaned once"


async def test_a_late_repeat_at_the_tagger_makes_no_tag_again_and_publishes_nothing(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    accepted = await a_chunk(postgres, tenant, "Feira")
    await end_without_leads(pipeline, await tag(pipeline, accepted))
    assert await pipeline.tag(deduplicated(accepted)) is None
    assert await live_tags(db, tenant) == set()


async def test_a_late_repeat_of_a_chunk_that_created_leads_makes_nothing_either(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    accepted = await a_chunk(postgres, tenant, "Feira")
    await pipeline.whole(accepted)
    await db.execute("UPDATE amigocare.tags SET is_deleted = true WHERE company_id = :c", c=tenant.company_id)
    assert await pipeline.tag(deduplicated(accepted)) is None
    assert await live_tags(db, tenant) == set()


async def test_rows_that_dedup_settled_make_no_tags(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    (phone,) = new_phones(1)
    await insert_lead(db, tenant, phone)
    await pipeline.whole(await a_chunk(postgres, tenant, "Feira", phone=phone))
    all_tags = "SELECT count(*) FROM amigocare.tags WHERE company_id = :c"
    assert await db.value(all_tags, c=tenant.company_id) == len(tenant.tag_ids)


async def test_a_tagger_that_races_the_cleaner_never_holds_a_cleaned_tag(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    for number in range(10):
        name = f"Feira {number}"
        ending = await tag(pipeline, await a_chunk(postgres, tenant, name))
        racing = await a_chunk(postgres, tenant, name)

        async def tag_at_last(chunk: ChunkAccepted = racing) -> ChunkTagged:
            while True:
                try:
                    return await tag(pipeline, chunk)
                except BadDay:
                    continue  # as the message that comes again

        _, tagged = await asyncio.gather(end_without_leads(pipeline, ending), tag_at_last())
        created = await pipeline.create(tagged)
        await pipeline.settle(created)
    assert await live_tags(db, tenant) == {f"Feira {number}" for number in range(10)}
    links = await db.value(
        "SELECT count(*) FROM amigocare.chat_tags links JOIN amigocare.tags ON tags.id = links.tag_id"
        " WHERE links.company_id = :c AND NOT tags.is_deleted",
        c=tenant.company_id,
    )
    assert links == 10, "every lead's tag is a live one"


@pytest_asyncio.fixture(scope="module")
async def pool() -> AsyncIterator[ReadingPool]:
    async with reading_pool(1) as pool:
        yield pool


async def test_a_tag_that_an_upload_asks_for_is_held_from_its_acceptance_on(
    pipeline: Pipeline,
    crowd: Postgres,
    pool: ReadingPool,
    postgres: Postgres,
    db: Stored,
    tenant: Tenant,
    tmp_path: Path,
) -> None:
    maker = await tag(pipeline, await a_chunk(postgres, tenant, "Feira"))
    tag_id = await db.value(
        "SELECT id FROM amigocare.tags WHERE company_id = :c AND name = 'Feira'", c=tenant.company_id
    )
    answer = await acceptor(crowd, pool).accept(wish(tenant, tmp_path, new_phones(1), tag_ids=[tag_id]))
    await end_without_leads(pipeline, maker)
    assert await live_tags(db, tenant) == {"Feira"}
    payload = await db.value("SELECT payload FROM amigocare.lead_import_chunks WHERE import_id = :i", i=answer["id"])
    await end_without_leads(pipeline, await tag(pipeline, ChunkAccepted.model_validate_json(bytes(payload))))
    assert await live_tags(db, tenant) == set(), "the last holder cleans it"


@pytest.mark.parametrize("fails_again", [True, False], ids=["fails again", "creates nothing"])
async def test_a_replay_that_makes_no_leads_leaves_no_tags_behind(
    fails_again: bool, pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    accepted = await a_chunk(postgres, tenant, "Feira", chunks=2)
    for index in (0, 1):
        await pipeline.dead_letter((accepted.import_id, index))
    assert await Operator(postgres).reopen([NamedChunk(accepted.import_id, 0)]) == [(accepted.import_id, 0)]
    tagged = await tag(pipeline, accepted)
    assert await live_tags(db, tenant) == {"Feira"}
    if fails_again:
        await pipeline.dead_letter((accepted.import_id, 0))
    else:
        await end_without_leads(pipeline, tagged)
    assert await live_tags(db, tenant) == set()


async def test_a_late_repeat_of_a_dead_lettered_chunk_makes_no_tags(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    """Who may try again is for the people on call to say: nobody would clean up after it."""
    accepted = await a_chunk(postgres, tenant, "Feira")
    await pipeline.dead_letter((accepted.import_id, 0))
    assert await pipeline.tag(deduplicated(accepted)) is None
    assert await live_tags(db, tenant) == set()
