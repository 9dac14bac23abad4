"""The chunks' own outbox: windows that let no import starve another, leases, fairness; whatever the clock does."""

import asyncio
import uuid

import pytest
from sqlalchemy import text

from libs.common.outbox.source import LEASE_SECONDS, Room
from libs.common.stores.postgres import Postgres
from libs.imports import chunk_life, chunk_sending
from libs.imports.chunk_states import ChunkOutcome, ClaimedChunk, Window
from tests.support.chunks import new_phones
from tests.support.imports import ACCEPTED_AT, accepted_chunk, insert_import, insert_imports, live_rows
from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("quiet")

WINDOW = Window(alone=4, shared=2)
ROOM = Room(messages=100, size=1_000_000)


async def an_import(postgres: Postgres, tenant: Tenant, chunks: int) -> int:
    payloads = [f"payload {index}".encode() for index in range(chunks)]
    return await insert_import(postgres, tenant, row_counts=[10] * chunks, name=unique("n"), payloads=payloads)


async def claim(postgres: Postgres, lease: uuid.UUID | None = None, room: Room = ROOM) -> list[ClaimedChunk]:
    async with postgres.transaction() as connection:
        return await chunk_sending.claim(connection, lease=lease or uuid.uuid4(), window=WINDOW, room=room)


async def send(postgres: Postgres) -> list[tuple[int, int]]:
    """Claim and mark sent, as the relay does; return (import id, chunk index)."""
    lease = uuid.uuid4()
    rows = await claim(postgres, lease)
    async with postgres.transaction() as connection:
        await chunk_sending.mark_sent(connection, places(rows), lease=lease)
    return places(rows)


def places(rows: list[ClaimedChunk]) -> list[tuple[int, int]]:
    return [(row.import_id, row.chunk_index) for row in rows]


async def settle(db: Stored, import_id: int, *indexes: int) -> None:
    await db.execute(
        "UPDATE amigocare.lead_import_chunks SET settled_at = now(), payload = NULL"
        " WHERE import_id = :i AND chunk_index = ANY(:c)",
        i=import_id,
        c=list(indexes),
    )


async def let_pass(db: Stored, seconds: float) -> None:
    await db.execute(
        "UPDATE amigocare.lead_import_chunks SET lease_until = lease_until - make_interval(secs => :s)", s=seconds
    )


async def test_chunks_are_claimed_in_order_with_their_payload_and_trace(
    postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    import_id = await an_import(postgres, tenant, 2)
    await db.execute(
        """UPDATE amigocare.lead_imports SET options = '{"traceparent": "00-ab"}' WHERE id = :i""", i=import_id
    )
    assert await claim(postgres) == [
        ClaimedChunk(import_id, 0, ACCEPTED_AT, b"payload 0", "00-ab"),
        ClaimedChunk(import_id, 1, ACCEPTED_AT, b"payload 1", "00-ab"),
    ]


async def test_an_import_alone_has_the_wide_window_and_settled_chunks_make_room(
    postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    import_id = await an_import(postgres, tenant, 7)
    assert await send(postgres) == [(import_id, index) for index in range(4)]
    assert await send(postgres) == []
    await settle(db, import_id, 0, 2)
    assert await send(postgres) == [(import_id, 4), (import_id, 5)]
    await settle(db, import_id, 1, 3, 4, 5)
    assert await send(postgres) == [(import_id, 6)]
    assert await send(postgres) == []


async def test_while_others_are_in_progress_each_has_the_narrow_window_and_they_take_turns(
    postgres: Postgres, tenant: Tenant
) -> None:
    large, small = await an_import(postgres, tenant, 7), await an_import(postgres, tenant, 2)
    assert await send(postgres) == [(large, 0), (small, 0), (large, 1), (small, 1)]
    assert await send(postgres) == []


async def test_an_import_that_comes_later_is_not_behind_the_whole_of_an_earlier_one(
    postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    large = await an_import(postgres, tenant, 9)
    assert len(await send(postgres)) == 4
    small = await an_import(postgres, tenant, 3)
    assert await send(postgres) == [(small, 0), (small, 1)]
    await settle(db, large, 0, 1)  # still two in flight: no more of the large one
    assert await send(postgres) == []
    await settle(db, large, 2)
    assert await send(postgres) == [(large, 4)]


async def test_an_import_that_has_ended_leaves_the_wide_window_to_the_other(
    postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    large, small = await an_import(postgres, tenant, 5), await an_import(postgres, tenant, 1)
    await send(postgres)
    await settle(db, small, 0)
    ended = "UPDATE amigocare.lead_imports SET status = 'FINISHED', total_errors = total_rows WHERE id = :i"
    await db.execute(ended, i=small)
    assert await send(postgres) == [(large, 2), (large, 3)]


async def test_chunks_of_an_import_that_has_ended_are_not_sent(postgres: Postgres, tenant: Tenant, db: Stored) -> None:
    import_id = await an_import(postgres, tenant, 1)
    ended = "UPDATE amigocare.lead_imports SET status = 'FAILED', total_errors = total_rows WHERE id = :i"
    await db.execute(ended, i=import_id)
    assert await claim(postgres) == []


async def test_what_another_relay_is_sending_counts_as_in_flight(
    postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    import_id = await an_import(postgres, tenant, 7)
    assert len(await claim(postgres)) == WINDOW.alone
    assert await claim(postgres) == []
    await let_pass(db, LEASE_SECONDS + 1)  # it died
    assert places(await claim(postgres)) == [(import_id, index) for index in range(WINDOW.alone)]


async def test_two_relays_that_claim_at_the_same_moment_share_no_chunk(postgres: Postgres, tenant: Tenant) -> None:
    import_id = await an_import(postgres, tenant, 3)
    async with postgres.transaction() as connection:
        mine = await chunk_sending.claim(connection, lease=uuid.uuid4(), window=WINDOW, room=ROOM)
        theirs = await claim(postgres)
    assert places(mine) == [(import_id, 0), (import_id, 1), (import_id, 2)]
    assert theirs == []


async def test_a_relay_that_began_before_anothers_claim_respects_it(postgres: Postgres, tenant: Tenant) -> None:
    """Its ``now()`` is the older one: the other's lease must not look like one of a clock that jumped back."""
    import_id = await an_import(postgres, tenant, 6)
    async with postgres.transaction() as earlier:
        await earlier.execute(text("SELECT now()"))
        assert places(await claim(postgres)) == [(import_id, index) for index in range(4)]
        assert await chunk_sending.claim(earlier, lease=uuid.uuid4(), window=WINDOW, room=ROOM) == []


async def test_a_lease_that_ended_is_claimed_again(postgres: Postgres, tenant: Tenant, db: Stored) -> None:
    import_id = await an_import(postgres, tenant, 1)
    await claim(postgres)
    await let_pass(db, LEASE_SECONDS - 1)
    assert await claim(postgres) == []
    await let_pass(db, 2)
    assert places(await claim(postgres)) == [(import_id, 0)]


async def test_a_relay_whose_lease_passed_to_another_marks_and_releases_nothing(
    postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    import_id = await an_import(postgres, tenant, 1)
    mine, theirs = uuid.uuid4(), uuid.uuid4()
    rows = await claim(postgres, mine)
    await let_pass(db, LEASE_SECONDS + 1)
    await claim(postgres, theirs)
    async with postgres.transaction() as connection:
        await chunk_sending.mark_sent(connection, places(rows), lease=mine)
        await chunk_sending.release(connection, [(chunk, 0) for chunk in places(rows)], lease=mine)
    (chunk,) = await db.rows("SELECT * FROM amigocare.lead_import_chunks WHERE import_id = :i", i=import_id)
    assert (chunk["sent_at"], chunk["sent_count"], chunk["lease"]) == (None, 0, theirs)


async def test_what_could_not_be_sent_is_claimed_again_when_its_time_has_come(
    postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    import_id = await an_import(postgres, tenant, 3)
    lease = uuid.uuid4()
    rows = await claim(postgres, lease)
    async with postgres.transaction() as connection:
        await chunk_sending.mark_sent(connection, places(rows[:1]), lease=lease)
        await chunk_sending.release(connection, [((import_id, 1), 0), ((import_id, 2), 10)], lease=lease)
    assert places(await claim(postgres)) == [(import_id, 1)]
    await let_pass(db, 9)
    assert await claim(postgres) == []
    await let_pass(db, 2)
    assert places(await claim(postgres)) == [(import_id, 2)]


async def test_chunks_that_were_given_back_leave_their_place_to_the_next_ones(
    postgres: Postgres, tenant: Tenant
) -> None:
    import_id = await an_import(postgres, tenant, 7)
    lease = uuid.uuid4()
    rows = await claim(postgres, lease)
    async with postgres.transaction() as connection:
        await chunk_sending.mark_sent(connection, places(rows[:2]), lease=lease)
        await chunk_sending.release(connection, [(chunk, LEASE_SECONDS) for chunk in places(rows[2:])], lease=lease)
    assert places(await claim(postgres)) == [(import_id, 4), (import_id, 5)]


async def test_chunks_are_claimed_up_to_a_size_and_one_that_is_larger_by_itself(
    postgres: Postgres, tenant: Tenant
) -> None:
    one, other = [
        await insert_import(
            postgres, tenant, row_counts=[1, 1], name=unique("n"), payloads=[bytes(1_000), bytes(1_001)]
        )
        for _ in range(2)
    ]
    assert places(await claim(postgres, room=Room(100, 2_999))) == [(one, 0), (other, 0)]
    assert places(await claim(postgres, room=Room(100, 1_000))) == [(one, 1)]
    assert places(await claim(postgres, room=Room(100, 1_000))) == [(other, 1)]


async def test_two_thousand_queued_imports_are_claimed_in_turns_first_chunks_first(
    postgres: Postgres, tenant: Tenant
) -> None:
    """What an outage leaves behind. None is passed over: no second chunk goes before every first one."""
    imports = await insert_imports(postgres, tenant, 2_000, chunks=2, size=10)
    turns = [await send(postgres) for _ in range(40)]
    assert {len(turn) for turn in turns} == {ROOM.messages}
    claimed = [place for turn in turns for place in turn]
    assert sorted(claimed) == sorted((import_id, index) for import_id in imports for index in range(2))
    assert [index for _, index in claimed] == [0] * 2_000 + [1] * 2_000


async def test_every_sending_is_counted(postgres: Postgres, tenant: Tenant, db: Stored) -> None:
    import_id = await an_import(postgres, tenant, 1)
    for _ in range(2):
        await send(postgres)
        await db.execute("UPDATE amigocare.lead_import_chunks SET sent_at = NULL WHERE import_id = :i", i=import_id)
    assert await db.value("SELECT sent_count FROM amigocare.lead_import_chunks WHERE import_id = :i", i=import_id) == 2


async def test_a_clock_that_jumped_back_an_hour_delays_no_chunk(postgres: Postgres, tenant: Tenant, db: Stored) -> None:
    import_id = await an_import(postgres, tenant, 1)
    await claim(postgres)
    await let_pass(db, -3600)
    assert places(await claim(postgres)) == [(import_id, 0)]


async def test_who_waited_for_an_imports_end_sees_its_last_chunk_settled(
    postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    """A repeat of the last chunk that meets the end must not make tags again that were just cleaned up."""
    import_id = await an_import(postgres, tenant, 1)
    outcome = ChunkOutcome(created=10, existing=0, errors=0, rows=[])

    async def ask() -> bool:
        async with postgres.transaction(company_id=tenant.company_id) as connection:
            chunk = accepted_chunk(tenant, import_id, live_rows(new_phones(10)))
            return (await chunk_life.hold(connection, chunk)).settled

    async def waits() -> bool:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FOR SHARE%'"
        return bool(await db.value(waiting))

    async with postgres.transaction() as ending:
        await chunk_life.lock_imports(ending, [import_id])
        await chunk_life.settle(ending, (import_id, 0), outcome, again=False)
        asked = asyncio.create_task(ask())
        await eventually(waits, what="a transaction that waits for the import's end")
    assert await asked
