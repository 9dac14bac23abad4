"""The outbox: leased, fenced, skipped by others, given back; whatever the clock does."""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy import text

from libs.common.outbox import event_outbox as outbox
from libs.common.outbox.source import LEASE_SECONDS, Outgoing, Room
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.events import ImportFinished
from libs.contracts.lead_import.topics import IMPORT_FINISHED
from tests.support.readers import Stored

pytestmark = pytest.mark.usefixtures("quiet")

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def finished(import_id: int) -> ImportFinished:
    return ImportFinished(
        import_id=import_id,
        company_id=1,
        account_id=1,
        source_id=1,
        creator_id=1,
        status="FINISHED",
        total_rows=0,
        total_created=0,
        total_existing=0,
        total_errors=0,
        failure_reason=None,
        revision=1,
        accepted_at=NOW,
        finished_at=NOW,
    )


async def add(postgres: Postgres, *import_ids: int) -> None:
    async with postgres.transaction() as connection:
        for import_id in import_ids:
            await outbox.add_event(connection, IMPORT_FINISHED, finished(import_id), source="finalizer", time=NOW)


async def claim(
    postgres: Postgres, lease: uuid.UUID | None = None, *, limit: int = 100, size: int = 100_000
) -> list[Outgoing]:
    async with postgres.transaction() as connection:
        return await outbox.claim_events(connection, lease=lease or uuid.uuid4(), room=Room(limit, size))


async def delete(postgres: Postgres, rows: list[Outgoing], lease: uuid.UUID) -> None:
    async with postgres.transaction() as connection:
        await outbox.delete_events(connection, [row.id for row in rows], lease=lease)


async def release(postgres: Postgres, rows: list[Outgoing], lease: uuid.UUID, seconds: float) -> None:
    async with postgres.transaction() as connection:
        await outbox.release_events(connection, [(row.id, seconds) for row in rows], lease=lease)


async def let_pass(db: Stored, seconds: float) -> None:
    """Move every event into the past, as if so many seconds had gone by."""
    await db.execute("UPDATE amigocare.outbox SET available_at = available_at - make_interval(secs => :s)", s=seconds)


async def keys(db: Stored) -> list[str]:
    return [row["key"] for row in await db.rows("SELECT key FROM amigocare.outbox ORDER BY id")]


async def test_an_event_is_stored_as_it_goes_over_the_wire(postgres: Postgres) -> None:
    await add(postgres, 12)
    (row,) = await claim(postgres)
    event = finished(12)
    assert (row.topic, row.key) == (IMPORT_FINISHED.name, "12")
    assert row.payload == event.model_dump_json().encode()
    assert row.headers == IMPORT_FINISHED.headers(IMPORT_FINISHED.identity(event), source="finalizer", time=NOW)


async def test_the_running_trace_goes_with_the_event(postgres: Postgres) -> None:
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("request") as span:
        await add(postgres, 12)
    (row,) = await claim(postgres)
    assert row.headers["traceparent"].split("-")[1] == trace.format_trace_id(span.get_span_context().trace_id)


async def test_an_event_of_a_transaction_that_fails_does_not_exist(postgres: Postgres, db: Stored) -> None:
    with pytest.raises(ZeroDivisionError):
        async with postgres.transaction() as connection:
            await outbox.add_event(connection, IMPORT_FINISHED, finished(1), source="finalizer", time=NOW)
            raise ZeroDivisionError
    assert await keys(db) == []


async def test_a_tenants_transaction_may_write_events_and_may_not_read_them(postgres: Postgres, db: Stored) -> None:
    async with postgres.transaction(company_id=1) as connection:
        await outbox.add_event(connection, IMPORT_FINISHED, finished(1), source="finalizer", time=NOW)
    assert await keys(db) == ["1"]


async def test_events_are_claimed_oldest_first_up_to_the_limit(postgres: Postgres) -> None:
    await add(postgres, 3, 1, 2)
    assert [row.key for row in await claim(postgres, limit=2)] == ["3", "1"]
    assert [row.key for row in await claim(postgres, limit=2)] == ["2"]


async def test_events_are_claimed_up_to_a_size_and_one_that_is_larger_by_itself(postgres: Postgres) -> None:
    await add(postgres, 1, 2, 3, 4)
    (one,) = await claim(postgres, limit=1)
    size = len(one.payload)
    assert [row.key for row in await claim(postgres, size=2 * size)] == ["2", "3"]
    assert [row.key for row in await claim(postgres, size=1)] == ["4"]


async def test_a_claimed_event_is_nobody_elses_until_its_lease_ends(postgres: Postgres, db: Stored) -> None:
    await add(postgres, 1)
    await claim(postgres)
    assert await claim(postgres) == []
    await let_pass(db, LEASE_SECONDS - 1)
    assert await claim(postgres) == []
    await let_pass(db, 2)
    assert len(await claim(postgres)) == 1
    assert await db.value("SELECT attempts FROM amigocare.outbox") == 2


async def test_a_relay_whose_claim_is_not_committed_yet_is_not_waited_for(postgres: Postgres) -> None:
    await add(postgres, 1, 2)
    async with postgres.transaction() as connection:
        (one,) = await outbox.claim_events(connection, lease=uuid.uuid4(), room=Room(1, 100_000))
        assert [row.key for row in await claim(postgres)] == ["2"]
    assert one.key == "1"


async def test_events_of_one_key_are_claimed_one_after_another(postgres: Postgres, db: Stored) -> None:
    """Whoever publishes the second while the first is on its way may be the faster."""
    await add(postgres, 1, 1, 2)
    first, second = uuid.uuid4(), uuid.uuid4()
    (oldest,) = await claim(postgres, first, limit=1)
    (others,) = await claim(postgres, second)
    assert (oldest.key, others.key) == ("1", "2")
    await release(postgres, [oldest], first, 5)
    assert await claim(postgres) == [], "nor while it waits to be tried again"
    await let_pass(db, 5)
    (again,) = await claim(postgres, first)
    assert again.id == oldest.id
    await delete(postgres, [again], first)
    (last,) = await claim(postgres)
    assert last.key == "1"


async def test_the_same_key_of_another_topic_waits_for_nothing(postgres: Postgres) -> None:
    other = replace(IMPORT_FINISHED, name="another.v1")
    async with postgres.transaction() as connection:
        for topic in (IMPORT_FINISHED, other):
            await outbox.add_event(connection, topic, finished(1), source="finalizer", time=NOW)
    assert [row.topic for row in await claim(postgres)] == [IMPORT_FINISHED.name, "another.v1"]


async def test_whether_an_event_is_the_oldest_of_its_key_is_asked_of_an_index(postgres: Postgres, db: Stored) -> None:
    """Also of a table whose statistics say that it is empty, as an outbox is most of the time."""
    await db.execute(
        "INSERT INTO amigocare.outbox (topic, key, headers, payload)"
        " SELECT 't', (n % 20000)::text, '{}', '' FROM generate_series(1, 40000) n"
    )
    async with asyncio.timeout(2):
        assert len(await claim(postgres)) == 100
    await db.execute("DELETE FROM amigocare.outbox")


async def test_a_published_event_is_deleted(postgres: Postgres, db: Stored) -> None:
    await add(postgres, 1, 2)
    lease = uuid.uuid4()
    rows = await claim(postgres, lease, limit=1)
    await delete(postgres, rows, lease)
    assert await keys(db) == ["2"]


async def test_a_relay_whose_lease_passed_to_another_deletes_nothing(postgres: Postgres, db: Stored) -> None:
    await add(postgres, 1)
    mine, theirs = uuid.uuid4(), uuid.uuid4()
    rows = await claim(postgres, mine)
    await let_pass(db, LEASE_SECONDS + 1)
    assert len(await claim(postgres, theirs)) == 1
    await delete(postgres, rows, mine)
    assert await keys(db) == ["1"]
    await release(postgres, rows, mine, 0)
    assert await claim(postgres) == [], "nor does it give back what is not its own"
    await delete(postgres, rows, theirs)
    assert await keys(db) == []


@pytest.mark.parametrize(("seconds", "wait"), [(0, 0), (5, 5), (10_000, outbox.LONGEST_DELAY_SECONDS)])
async def test_a_failed_event_comes_again_after_its_delay(
    postgres: Postgres, db: Stored, seconds: float, wait: float
) -> None:
    await add(postgres, 1)
    lease = uuid.uuid4()
    await release(postgres, await claim(postgres, lease), lease, seconds)
    if wait:
        await let_pass(db, wait - 1)
        assert await claim(postgres) == []
        await let_pass(db, 1)
    assert len(await claim(postgres)) == 1
    assert await db.value("SELECT attempts FROM amigocare.outbox") == 2


async def test_a_clock_that_jumped_back_an_hour_delays_no_event(postgres: Postgres, db: Stored) -> None:
    await add(postgres, 1)  # written at what is now an hour ahead
    await let_pass(db, -3600)
    assert len(await claim(postgres)) == 1
    await let_pass(db, -3600)  # leased, and then the clock jumped
    assert len(await claim(postgres)) == 1


async def test_events_survive_a_payload_of_any_text(postgres: Postgres) -> None:
    event = finished(1).model_copy(update={"failure_reason": 'ção "\\ \u2028 🚀'})
    async with postgres.transaction() as connection:
        await outbox.add_event(connection, IMPORT_FINISHED, event, source="finalizer", time=NOW)
    (row,) = await claim(postgres)
    assert ImportFinished.model_validate_json(row.payload) == event


_READ = text(
    "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
    " WHERE relname = 'outbox'"
)


async def test_a_turn_reads_the_events_that_wait_once_whatever_the_server_expects_of_them(
    postgres: Postgres, db: Stored
) -> None:
    """After an hour of few keys it expects that many events share one, and looked for the oldest of each among all."""
    await add(postgres, *[7] * 200)
    await db.execute("ANALYZE amigocare.outbox")
    await db.execute("DELETE FROM amigocare.outbox")
    await add(postgres, *range(1, 1001))
    async with postgres.transaction() as connection:
        before = (await connection.execute(_READ)).scalar_one()
        claimed = await outbox.claim_events(connection, lease=uuid.uuid4(), room=Room(100, 100_000))
        read = (await connection.execute(_READ)).scalar_one() - before
    assert [row.key for row in claimed] == [str(key) for key in range(1, 101)]
    assert read <= 4_000
