"""What an import made gets a history, a place in the search and its event, however often its chunk comes."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from libs.common.errors import BadDay
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkCreated
from libs.contracts.leads.events import LeadCreated
from libs.leads.enrolling import enroll
from services.enroller import handlers
from services.enroller import store as enroller_store
from services.enroller.handlers import enroll_chunk
from services.enroller.store import Enrolled, Store
from services.leads.deleting.store import DeletionStore
from services.leads.domain.lead_filter import LeadFilter
from services.leads.editing.store import Edited, EditStore
from services.leads.grouping.store import GroupStore
from services.leads.listing.store import ListStore
from services.leads.recording.store import Actor
from tests.support.chunks import new_phones
from tests.support.imports import accepted_chunk, insert_import, live_rows
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline, all_into
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("quiet")


async def made(pipeline: Pipeline, postgres: Postgres, tenant: Tenant, phones: list[str]) -> ChunkCreated:
    import_id = await insert_import(postgres, tenant, row_counts=[len(phones)], name=unique("import"))
    return await pipeline.until_created(accepted_chunk(tenant, import_id, live_rows(phones)))


async def test_each_lead_is_enrolled_once_and_told_of_each_time(
    pipeline: Pipeline, postgres: Postgres, crowd: Postgres, tenant: Tenant, db: Stored
) -> None:
    """Two consumers that have the same chunk after a rebalance, and one more afterwards."""
    chunk = await made(pipeline, postgres, tenant, new_phones(40))
    said: list[LeadCreated] = []
    store = Store(crowd)
    await asyncio.gather(*(enroll_chunk(chunk, store=store, publish=all_into(said)) for _ in range(2)))
    await enroll_chunk(chunk, store=store, publish=all_into(said))
    company: dict[str, Any] = {"c": tenant.company_id}
    assert await db.value("SELECT count(*) FROM crm.lead_activities WHERE company_id = :c", **company) == 40
    assert await db.value("SELECT count(*) FROM crm.lead_search WHERE company_id = :c", **company) == 40
    leads = await db.leads(tenant.company_id)
    assert {event.lead_id for event in said} == {lead["public_id"] for lead in leads}
    assert len(said) == 120
    assert len({event.model_dump_json() for event in said}) == 40
    assert {(event.channel, event.import_id, event.source) for event in said} == {("IMPORT", chunk.import_id, "Feira")}


async def test_a_second_run_does_what_the_first_has_left_and_tells_of_all(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is broken off where one portion's events are refused: what it has written by then stays."""
    monkeypatch.setattr(handlers, "PORTION", 4)
    chunk = await made(pipeline, postgres, tenant, new_phones(10))
    said: list[LeadCreated] = []

    async def refuse_the_second(news: Sequence[LeadCreated]) -> None:
        await asyncio.sleep(0)
        if said:
            raise BadDay("Kafka is away")
        said.extend(news)

    with pytest.raises(BadDay):
        await enroll_chunk(chunk, store=Store(postgres), publish=refuse_the_second)
    first = list(said)
    assert len(first) == 4
    await enroll_chunk(chunk, store=Store(postgres), publish=all_into(said))
    assert len(said) == 14
    assert {event.model_dump_json() for event in first} <= {event.model_dump_json() for event in said[4:]}
    company: dict[str, Any] = {"c": tenant.company_id}
    assert await db.value("SELECT count(*) FROM crm.lead_activities WHERE company_id = :c", **company) == 10
    assert await db.value("SELECT count(*) FROM crm.lead_search WHERE company_id = :c", **company) == 10


async def test_what_is_on_its_way_has_ended_when_a_run_ends(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a second run would work beside what is left of the first."""
    monkeypatch.setattr(handlers, "PORTION", 3)
    chunk = await made(pipeline, postgres, tenant, new_phones(6))
    begun: list[LeadCreated] = []
    ended: list[LeadCreated] = []

    async def slowly(news: Sequence[LeadCreated]) -> None:
        begun.extend(news)
        if len(begun) > 3:
            raise BadDay("Kafka is away")
        await asyncio.sleep(0.2)
        ended.extend(news)

    with pytest.raises(BadDay):
        await enroll_chunk(chunk, store=Store(postgres), publish=slowly)
    assert ended == begun[:3]


async def test_two_portions_are_written_at_once_and_no_more(
    pipeline: Pipeline, crowd: Postgres, postgres: Postgres, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One alone leaves PostgreSQL idle while the process works; each more would hold a connection and leads."""
    monkeypatch.setattr(handlers, "PORTION", 2)
    chunk = await made(pipeline, postgres, tenant, new_phones(11))
    under_way: list[int] = []

    class Counting(Store):
        now = 0

        async def enroll(self, chunk: ChunkCreated, ids: list[int]) -> Enrolled:
            self.now += 1
            under_way.append(self.now)
            try:
                return await super().enroll(chunk, ids)
            finally:
                self.now -= 1

    said: list[LeadCreated] = []
    await enroll_chunk(chunk, store=Counting(crowd), publish=all_into(said))
    assert len(said) == 11
    assert under_way == [1, 2, 2, 2, 2, 2]


async def test_an_imported_lead_is_found_by_its_phone(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    (phone,) = phones = new_phones(1)
    chunk = await made(pipeline, postgres, tenant, phones)
    reading = ListStore(postgres)
    asked = LeadFilter(q=f"({phone[:2]}) {phone[2:]}")
    assert await reading.page(tenant.company_id, asked, limit=5) == []
    await enroll_chunk(chunk, store=Store(postgres), publish=all_into([]))
    (found,) = await reading.page(tenant.company_id, asked, limit=5)
    assert found["lead_id"] == chunk.live.lead_id[0]
    assert await reading.count(tenant.company_id, LeadFilter(import_id=chunk.import_id)) == (1, True)


async def test_leads_that_were_taken_back_are_left_out(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    chunk = await made(pipeline, postgres, tenant, new_phones(3))
    await db.execute("UPDATE amigocare.amigocare_leads SET is_deleted = true WHERE id = :id", id=chunk.live.lead_id[0])
    said: list[LeadCreated] = []
    await enroll_chunk(chunk, store=Store(postgres), publish=all_into(said))
    assert len(said) == 2


async def test_who_edits_a_lead_that_is_just_put_into_a_list_waits_and_both_are_done(
    pipeline: Pipeline, postgres: Postgres, crowd: Postgres, tenant: Tenant, db: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both hold the lead and its place in the search: in two orders each would wait for the other."""
    chunk = await made(pipeline, postgres, tenant, new_phones(1))
    actor = Actor(tenant.company_id, tenant.user_id)
    list_id = (await GroupStore(postgres).make(actor, "Feira", None))["id"]
    (lead,) = await db.leads(tenant.company_id)
    edits: list[asyncio.Task[Edited | None]] = []

    async def enroll_and_be_edited(*given: Any) -> None:
        await enroll(*given)
        editing = EditStore(crowd, source="leads").edit(actor, lead["public_id"], {"name": "Bia Reis"}, {})
        edits.append(asyncio.create_task(editing))
        await eventually(db.waits_for_a_lock, what="that the edit waits")

    monkeypatch.setattr(enroller_store, "enroll", enroll_and_be_edited)
    chunk = chunk.model_copy(update={"list_id": list_id})
    await enroll_chunk(chunk, store=Store(postgres), publish=all_into([]))
    edited = await edits[0]
    assert edited is not None
    assert edited.version == lead["version"] + 1
    found = LeadFilter(q="bia reis", list_id=list_id)
    assert await ListStore(postgres).count(tenant.company_id, found) == (1, True)


async def test_who_erases_a_lead_that_is_just_enrolled_waits_and_nothing_of_it_is_found(
    pipeline: Pipeline,
    postgres: Postgres,
    crowd: Postgres,
    mongo: Mongo,
    tenant: Tenant,
    db: Stored,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or what was read before it was erased would be written into the search afterwards, where nobody looks again."""
    chunk = await made(pipeline, postgres, tenant, new_phones(2))
    actor = Actor(tenant.company_id, tenant.user_id)
    lead, other = await db.leads(tenant.company_id)
    erasures: list[asyncio.Task[bool]] = []

    async def be_erased_and_enroll(*given: Any) -> None:
        erasing = DeletionStore(crowd, mongo, source="leads").erase(actor, lead["public_id"])
        erasures.append(asyncio.create_task(erasing))
        await eventually(db.waits_for_a_lock, what="that the erasure waits")
        await enroll(*given)

    monkeypatch.setattr(enroller_store, "enroll", be_erased_and_enroll)
    await enroll_chunk(chunk, store=Store(postgres), publish=all_into([]))
    assert await erasures[0]
    placed = await db.rows("SELECT lead_id FROM crm.lead_search WHERE company_id = :c", c=tenant.company_id)
    assert [row["lead_id"] for row in placed] == [other["id"]]


async def test_leads_from_before_the_ids_are_enrolled_and_not_told_of(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    """At its first start enroller reads what the release before has made, for as long as Kafka keeps it."""
    chunk = await made(pipeline, postgres, tenant, new_phones(3))
    await db.execute("UPDATE amigocare.amigocare_leads SET public_id = NULL WHERE id = :id", id=chunk.live.lead_id[0])
    said: list[LeadCreated] = []
    await enroll_chunk(chunk, store=Store(postgres), publish=all_into(said))
    assert len(said) == 2
    company = {"c": tenant.company_id}
    assert await db.value("SELECT count(*) FROM crm.lead_search WHERE company_id = :c", **company) == 3


async def test_a_message_of_another_time_or_company_enrolls_nothing(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, other_tenant: Tenant
) -> None:
    chunk = await made(pipeline, postgres, tenant, new_phones(3))
    said: list[LeadCreated] = []
    for changes in (
        {"company_id": other_tenant.company_id},
        {"accepted_at": chunk.accepted_at.replace(year=2019)},
    ):
        await enroll_chunk(chunk.model_copy(update=changes), store=Store(postgres), publish=all_into(said))
    assert said == []
