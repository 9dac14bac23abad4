"""The creator with the WhatsApp check on: who is asked, what becomes of a row, what a second run asks again."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from deploy.local.whatsapp_provider import Fate, fate
from libs.common.errors import NotFinished
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkCreated, ChunkTagged, Outcome
from services.creator import portions
from services.creator.portions import Asking, ProviderAway
from services.creator.settings import Settings
from services.creator.whatsapp import WhatsApp
from tests.support.chunks import new_phones
from tests.support.contacts import insert_chat
from tests.support.imports import accepted_chunk, insert_import, live_rows, tagged
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.whatsapp import Provider

ABSENT = 1
REFUSED, FAILING = 100, 50
"""Of a thousand numbers."""
REASONS: dict[Fate, str] = {
    "absent": "not_on_whatsapp",
    "refused": "whatsapp_refused",
    "failing": "whatsapp_unknown",
}


@asynccontextmanager
async def asking_of(provider: Provider, pipeline: Pipeline, **changes: Any) -> AsyncIterator[Asking]:
    """Ask as a process of its own, with the settings as shipped but for these."""
    settings = Settings(whatsapp_url=provider.url, **changes)
    whatsapp = WhatsApp(settings)
    try:
        yield Asking(whatsapp, pipeline.creator_store, attempts=settings.whatsapp_attempts)
    finally:
        await whatsapp.close()


@pytest_asyncio.fixture
async def asking(provider: Provider, pipeline: Pipeline) -> AsyncIterator[Asking]:
    async with asking_of(provider, pipeline) as asking:
        yield asking


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone at which the provider failed is asked again after a short pause."""
    monkeypatch.setattr("services.creator.questions.RETRY_SECONDS", 0.05)


@pytest.fixture
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than the pause that the provider asks for."""
    monkeypatch.setattr(portions, "RUN_SECONDS", 1.5)


async def a_chunk(postgres: Postgres, tenant: Tenant, phones: list[str]) -> ChunkTagged:
    import_id = await insert_import(postgres, tenant, row_counts=[len(phones)], name=unique("n"))
    return tagged(accepted_chunk(tenant, import_id, live_rows(phones)))


def fated(what: Fate, count: int) -> list[str]:
    """Return new phones with this fate."""
    phones: list[str] = []
    while len(phones) < count:
        (phone,) = new_phones(1)
        if what == fate(f"+55{phone}", refused=REFUSED, failing=FAILING):
            phones.append(phone)
    return phones


def outcomes(created: ChunkCreated, chunk: ChunkTagged) -> dict[str, str]:
    """Return what became of each phone: the reason of its row, or ``created``."""
    phones = dict(zip(chunk.live.row, chunk.live.phone, strict=True))
    rows = dict.fromkeys(created.live.row, "created") | {row.row: row.reason for row in created.settled}
    return {phones[row]: what for row, what in rows.items()}


def expected(chunk: ChunkTagged) -> dict[str, str]:
    """Return what the provider says must become of each phone."""
    return {
        phone: REASONS.get(fate(f"+55{phone}", refused=REFUSED, failing=FAILING), "created")
        for phone in chunk.live.phone
    }


async def to_the_end(run: Callable[[], Any]) -> tuple[ChunkCreated, int]:
    """Let the message come again until it is finished; return its outcome and how many runs it took."""
    for runs in range(1, 100):
        try:
            created: ChunkCreated = await run()
        except NotFinished:
            continue
        return created, runs
    raise AssertionError("it does not end")


@pytest_asyncio.fixture
async def chunk(postgres: Postgres, tenant: Tenant) -> ChunkTagged:
    """Five phones, of which the second is not on WhatsApp."""
    phones = new_phones(5)
    phones[ABSENT] = phones[ABSENT][:-4] + "0000"
    import_id = await insert_import(postgres, tenant, row_counts=[5], name=unique("n"))
    return tagged(accepted_chunk(tenant, import_id, live_rows(phones)))


async def test_a_phone_that_is_not_on_whatsapp_is_an_error_row_and_no_lead(
    pipeline: Pipeline, chunk: ChunkTagged, asking: Asking, db: Stored
) -> None:
    created = await pipeline.create(chunk, asking=asking)
    (row,) = created.settled
    assert (row.row, row.outcome, row.reason, row.cells) == (
        chunk.live.row[ABSENT],
        Outcome.ERROR,
        "not_on_whatsapp",
        chunk.live.original_cells(ABSENT),
    )
    assert len(created.live) == 4
    assert await db.consistent(chunk.company_id) == 4


async def test_a_second_run_asks_nobody_again_whether_there_is_a_lead_or_not(
    pipeline: Pipeline, chunk: ChunkTagged, asking: Asking, provider: Provider
) -> None:
    first = await pipeline.create(chunk, asking=asking)
    assert (await provider.seen())["requests"] == 5
    assert await pipeline.create(chunk, asking=asking) == first
    assert (await provider.seen())["requests"] == 5


async def test_a_lead_stays_created_though_its_phone_left_whatsapp_since(
    pipeline: Pipeline, chunk: ChunkTagged, asking: Asking
) -> None:
    everybody = await pipeline.create(chunk)  # while the check was off
    assert len(everybody.live) == 5
    assert await pipeline.create(chunk, asking=asking) == everybody


async def test_a_phone_with_which_a_customer_has_a_chat_is_not_asked(
    pipeline: Pipeline, chunk: ChunkTagged, asking: Asking, provider: Provider, db: Stored, tenant: Tenant
) -> None:
    await insert_chat(db, tenant, chunk.live.phone[3])
    created = await pipeline.create(chunk, asking=asking)
    assert {row.row: row.reason for row in created.settled} == {
        chunk.live.row[ABSENT]: "not_on_whatsapp",
        chunk.live.row[3]: "chat_exists",
    }
    assert (await provider.seen())["requests"] == 4


async def test_while_the_provider_is_away_nothing_is_created_and_afterwards_everything(
    pipeline: Pipeline, chunk: ChunkTagged, asking: Asking, provider: Provider, db: Stored
) -> None:
    await provider.behave("error")
    with pytest.raises(ProviderAway):
        await pipeline.create(chunk, asking=asking)
    assert await db.leads(chunk.company_id) == []
    assert await db.chats_of(chunk.company_id) == []
    await provider.behave()
    assert len((await pipeline.create(chunk, asking=asking)).live) == 4


async def test_with_the_check_off_nobody_is_asked(pipeline: Pipeline, chunk: ChunkTagged, provider: Provider) -> None:
    assert len((await pipeline.create(chunk)).live) == 5
    assert (await provider.seen())["requests"] == 0


async def test_one_phone_that_is_refused_or_failed_at_for_ever_is_its_rows_fault_alone(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, provider: Provider, asking: Asking, db: Stored
) -> None:
    await provider.behave(refused=REFUSED, failing=FAILING)
    chunk = await a_chunk(postgres, tenant, fated("refused", 2) + fated("failing", 8) + fated("present", 30))
    created = await pipeline.create(chunk, asking=asking)
    assert outcomes(created, chunk) == expected(chunk)
    assert Counter(row.reason for row in created.settled) == {"whatsapp_refused": 2, "whatsapp_unknown": 8}
    assert {row.outcome for row in created.settled} == {Outcome.ERROR}
    assert await db.consistent(tenant.company_id) == 30
    asked = await provider.asked()
    assert {asked[f"+55{phone}"] for phone in fated_in(chunk, "failing")} == {4}
    assert max(asked.values()) == 4


def fated_in(chunk: ChunkTagged, what: Fate) -> list[str]:
    return [phone for phone in chunk.live.phone if fate(f"+55{phone}", refused=REFUSED, failing=FAILING) == what]


async def test_neighbours_that_the_provider_fails_at_all_do_not_look_like_a_provider_that_is_away(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, provider: Provider, asking: Asking
) -> None:
    """Sixty in a row, more than half of the chunk: the circuit opens, and an answered phone tells that it is wrong."""
    await provider.behave(refused=REFUSED, failing=FAILING)
    chunk = await a_chunk(postgres, tenant, fated("present", 20) + fated("failing", 60) + fated("present", 20))
    created, _ = await to_the_end(lambda: pipeline.create(chunk, asking=asking))
    assert outcomes(created, chunk) == expected(chunk)
    assert max((await provider.asked()).values()) == 4


async def test_a_long_chunk_is_asked_in_runs_and_no_phone_is_asked_again(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, provider: Provider, db: Stored, short_runs: None
) -> None:
    await provider.behave(rate=100, refused=REFUSED, failing=FAILING)
    chunk = await a_chunk(postgres, tenant, new_phones(400))
    longest = 0.0

    async def run() -> ChunkCreated:
        """Each run is of another process: nothing but the database remembers."""
        nonlocal longest
        async with asking_of(provider, pipeline) as asking:
            began = time.monotonic()
            try:
                return await pipeline.create(chunk, asking=asking)
            finally:
                longest = max(longest, time.monotonic() - began)

    created, runs = await to_the_end(run)
    assert runs > 2
    assert longest < 6
    kept = await db.rows("SELECT * FROM amigocare.whatsapp_answers WHERE import_id = :i", i=chunk.import_id)
    phones = dict(zip(chunk.live.row, chunk.live.phone, strict=True))
    calls = await provider.asked()
    assert {row["row_number"]: row["tries"] for row in kept} == {
        row: calls[f"+55{phone}"] for row, phone in phones.items()
    }, "each call is a try, and each try a call"
    assert outcomes(created, chunk) == expected(chunk)
    asked = await provider.asked()
    assert {phone: asked[f"+55{phone}"] for phone in fated_in(chunk, "failing")} == dict.fromkeys(
        fated_in(chunk, "failing"), 4
    )
    assert max(asked.values()) <= 4
    assert sum(asked.values()) <= 400 + 4 * len(fated_in(chunk, "failing")) + 4 * runs, "a few were compared with"


async def test_a_process_that_dies_amid_a_portion_has_no_phone_asked_once_too_often(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, provider: Provider
) -> None:
    await provider.behave(delay_ms=20, refused=REFUSED, failing=FAILING)
    chunk = await a_chunk(postgres, tenant, fated("failing", 10) + fated("present", 40))
    for _ in range(3):
        async with asking_of(provider, pipeline) as asking:
            dying = asyncio.create_task(pipeline.create(chunk, asking=asking))
            await asyncio.sleep(0.15)  # amid the calls
            dying.cancel()
            await asyncio.gather(dying, return_exceptions=True)
    async with asking_of(provider, pipeline) as asking:
        created, _ = await to_the_end(lambda: pipeline.create(chunk, asking=asking))
    assert outcomes(created, chunk) == expected(chunk)
    assert max((await provider.asked()).values()) <= 4


async def test_a_try_that_ends_with_the_run_counts_though_no_time_is_left_to_compare(
    pipeline: Pipeline,
    postgres: Postgres,
    tenant: Tenant,
    provider: Provider,
    asking: Asking,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(portions, "RUN_SECONDS", 0.3)
    await provider.behave(delay_ms=350, refused=REFUSED, failing=FAILING)
    chunk = await a_chunk(postgres, tenant, fated("failing", 3) + fated("present", 5))
    created, runs = await to_the_end(lambda: pipeline.create(chunk, asking=asking))
    assert runs >= 4, "one call is longer than a run: each try ended with its run, or nothing was shown"
    assert outcomes(created, chunk) == expected(chunk)
    assert max((await provider.asked()).values()) == 4


async def test_two_processes_with_the_same_chunk_ask_no_phone_more_often_than_its_tries(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, provider: Provider
) -> None:
    await provider.behave(delay_ms=5, refused=REFUSED, failing=FAILING)
    chunk = await a_chunk(postgres, tenant, fated("failing", 10) + fated("present", 150))
    async with asking_of(provider, pipeline) as one, asking_of(provider, pipeline) as other:
        first, second = await asyncio.gather(
            to_the_end(lambda: pipeline.create(chunk, asking=one)),
            to_the_end(lambda: pipeline.create(chunk, asking=other)),
        )
    assert outcomes(first[0], chunk) == outcomes(second[0], chunk) == expected(chunk)
    assert max((await provider.asked()).values()) <= 4


@pytest.mark.parametrize("mode", ["error", "forbid", "drop"])
async def test_an_outage_amid_a_chunk_is_a_bad_day_that_costs_no_row(
    mode: str, pipeline: Pipeline, postgres: Postgres, tenant: Tenant, provider: Provider, short_runs: None
) -> None:
    await provider.behave(delay_ms=100)
    chunk = await a_chunk(postgres, tenant, new_phones(300))
    async with asking_of(provider, pipeline, whatsapp_breaker_seconds=0.1) as asking:
        with pytest.raises(NotFinished):
            await pipeline.create(chunk, asking=asking)
        await provider.behave(mode)
        for _ in range(10):
            with pytest.raises(ProviderAway):
                await pipeline.create(chunk, asking=asking)
        await provider.behave()
        await asyncio.sleep(0.1)  # the circuit may be open for so long
        created, _ = await to_the_end(lambda: pipeline.create(chunk, asking=asking))
    assert len(created.live) == 300


async def test_a_lone_phone_that_the_provider_fails_at_waits_until_another_is_answered(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, provider: Provider, asking: Asking
) -> None:
    """By itself it cannot be told from a provider that is away."""
    await provider.behave(refused=REFUSED, failing=FAILING)
    lone = await a_chunk(postgres, tenant, fated("failing", 1))
    for _ in range(5):
        with pytest.raises(ProviderAway):
            await pipeline.create(lone, asking=asking)
    await pipeline.create(await a_chunk(postgres, tenant, fated("present", 1)), asking=asking)
    created = await pipeline.create(lone, asking=asking)
    assert [row.reason for row in created.settled] == ["whatsapp_unknown"]


async def test_a_provider_that_only_throttles_is_a_bad_day_and_burns_no_try(
    pipeline: Pipeline, chunk: ChunkTagged, provider: Provider, asking: Asking, short_runs: None
) -> None:
    await provider.behave("throttle")
    for _ in range(5):
        with pytest.raises(ProviderAway, match=r"429|wants no call"):
            await pipeline.create(chunk, asking=asking)
    await provider.behave()
    assert len((await pipeline.create(chunk, asking=asking)).live) == 4


async def test_nobody_is_asked_about_a_chunk_that_has_ended(
    pipeline: Pipeline, chunk: ChunkTagged, provider: Provider, asking: Asking
) -> None:
    await pipeline.settle(await pipeline.create(chunk, asking=asking))
    await provider.behave()
    assert await pipeline.create_if_open(chunk, asking=asking) is None
    assert (await provider.seen())["requests"] == 0


async def test_answers_are_forgotten_after_a_day_and_hold_no_phone(
    pipeline: Pipeline, chunk: ChunkTagged, asking: Asking, db: Stored, postgres: Postgres, tenant: Tenant
) -> None:
    await pipeline.create(chunk, asking=asking)
    kept = await db.rows("SELECT * FROM amigocare.whatsapp_answers WHERE import_id = :i", i=chunk.import_id)
    assert {row["row_number"]: row["answer"] for row in kept} == {
        row: "absent" if index == ABSENT else "present" for index, row in enumerate(chunk.live.row)
    }
    assert set(kept[0]) == {"import_id", "row_number", "answer", "tries", "asked_at"}
    for hours, left in ((23, 5), (25, 0)):
        await db.execute(
            "UPDATE amigocare.whatsapp_answers SET asked_at = now() - make_interval(hours => :h) WHERE import_id = :i",
            i=chunk.import_id,
            h=hours,
        )
        await pipeline.create(await a_chunk(postgres, tenant, new_phones(1)), asking=asking)
        count = "SELECT count(*) FROM amigocare.whatsapp_answers WHERE import_id = :i"
        assert await db.value(count, i=chunk.import_id) == left
