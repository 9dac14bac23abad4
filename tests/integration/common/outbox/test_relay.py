"""The relay on the real Kafka: publishes what is due, wakes, survives refusals, repeats with the same id."""

import asyncio
import itertools
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaTimeoutError
from pydantic import SecretStr
from sqlalchemy import event

from libs.common.kafka.broker import Broker
from libs.common.outbox import event_outbox as outbox
from libs.common.outbox.relay import Relay
from libs.common.settings import PostgresSettings
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.chunk_keys import chunk_subject
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED
from libs.contracts.lead_import.topics import IMPORT_ACCEPTED
from tests.support.imports import import_accepted, insert_import, insert_imports
from tests.support.kafka import Kafka, unique
from tests.support.platform import Tenant
from tests.support.readers import Stored, headers_of
from tests.support.relays import NOW, add, relay_of, running
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("quiet")

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def relay(postgres: Postgres, broker: Broker, chunk_topic: str) -> Relay:
    return relay_of(postgres, broker)


def keys(records: list[ConsumerRecord[Any, Any]]) -> list[str]:
    return sorted(record.key.decode() for record in records)


async def test_due_events_are_published_as_they_were_written_and_forgotten(
    postgres: Postgres, kafka: Kafka, relay: Relay, db: Stored
) -> None:
    topic = await kafka.topic(IMPORT_ACCEPTED)
    await add(postgres, topic, 12)
    stored = (await db.rows("SELECT * FROM amigocare.outbox"))[0]
    assert await relay.relay_once() == 1
    (record,) = await kafka.records(topic.name)
    assert (record.key, record.value) == (b"12", bytes(stored["payload"]))
    assert headers_of(record).items() >= stored["headers"].items()
    assert await db.outbox_is_empty()
    assert await relay.relay_once() == 0


async def test_chunks_are_published_with_a_ce_id_that_a_repeat_has_too_and_continue_the_uploads_trace(
    postgres: Postgres, kafka: Kafka, relay: Relay, db: Stored, tenant: Tenant, chunk_topic: str
) -> None:
    import_id = await insert_import(postgres, tenant, row_counts=[1], name=unique("n"), payloads=[b'{"a":1}'])
    await db.execute(
        "UPDATE amigocare.lead_imports SET options = jsonb_build_object('traceparent', CAST(:t AS text)) WHERE id = :i",
        t=TRACE,
        i=import_id,
    )
    await relay.relay_once()
    await db.execute("UPDATE amigocare.lead_import_chunks SET sent_at = NULL WHERE import_id = :i", i=import_id)
    await relay.relay_once()
    first, again = await kafka.records(chunk_topic)
    accepted_at = await db.value("SELECT created_at FROM amigocare.lead_imports WHERE id = :i", i=import_id)
    expected = CHUNK_ACCEPTED.headers(chunk_subject(import_id, 0, accepted_at), source="api", time=NOW)
    assert (first.key, first.value) == (f"{import_id}:0".encode(), b'{"a":1}')
    for record in (first, again):
        headers = headers_of(record)
        assert {name: headers[name] for name in expected if name != "ce_time"} == {
            name: value for name, value in expected.items() if name != "ce_time"
        }
        assert headers["traceparent"].split("-")[1] == TRACE.split("-")[1]


async def test_wake_saves_the_wait_for_the_next_poll(
    postgres: Postgres,
    kafka: Kafka,
    broker: Broker,
    chunk_topic: str,
    db: Stored,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = await kafka.topic(IMPORT_ACCEPTED)
    relay, looked = relay_of(postgres, broker, poll_seconds=60), asyncio.Event()
    relay_once = relay.relay_once

    async def observed() -> int:
        published = await relay_once()
        if not published:
            looked.set()
        return published

    monkeypatch.setattr(relay, "relay_once", observed)
    async with running(relay):
        await looked.wait()
        await add(postgres, topic, 1)
        await asyncio.sleep(0.2)
        assert not await db.outbox_is_empty()
        relay.wake()
        await eventually(db.outbox_is_empty, seconds=5, what="an empty outbox")


async def test_without_a_wake_the_next_poll_finds_what_another_process_left(
    postgres: Postgres, kafka: Kafka, relay: Relay, db: Stored
) -> None:
    topic = await kafka.topic(IMPORT_ACCEPTED)
    async with running(relay):
        await add(postgres, topic, *range(1, 251))
        await eventually(db.outbox_is_empty, seconds=10, what="an empty outbox")
    assert keys(await kafka.records(topic.name)) == sorted(map(str, range(1, 251)))


async def test_relays_beside_each_other_publish_each_event_once(
    crowd: Postgres, kafka: Kafka, broker: Broker, chunk_topic: str, db: Stored
) -> None:
    topic = await kafka.topic(IMPORT_ACCEPTED)
    await add(crowd, topic, *range(1, 301))
    async with running(*(relay_of(crowd, broker) for _ in range(4))):
        await eventually(db.outbox_is_empty, seconds=10, what="an empty outbox")
    assert keys(await kafka.records(topic.name)) == sorted(map(str, range(1, 301)))


async def test_relays_beside_each_other_keep_the_order_of_a_key(
    crowd: Postgres, kafka: Kafka, broker: Broker, chunk_topic: str, db: Stored
) -> None:
    """However slow one of them is with one event, none overtakes it with a later one of its key."""
    topic = await kafka.topic(IMPORT_ACCEPTED)
    keys, each = 10, 8
    for number in range(keys * each):
        written = import_accepted(1 + number % keys).model_copy(update={"total_rows": 1 + number // keys})
        async with crowd.transaction() as connection:
            await outbox.add_event(connection, topic, written, source="api", time=NOW)
    async with running(*(relay_of(crowd, _Uneven(broker), poll_seconds=0.01) for _ in range(4))):
        await eventually(db.outbox_is_empty, seconds=30, what="an empty outbox")
    order: dict[bytes, list[int]] = {}
    for record in await kafka.records(topic.name):
        order.setdefault(record.key, []).append(json.loads(record.value)["total_rows"])
    assert list(order.values()) == [list(range(1, each + 1))] * keys


class _Uneven:
    """A broker that takes its time, for each message another."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._number = itertools.count()

    def partition_of(self, topic: str, key: bytes) -> int | None:
        return self._broker.partition_of(topic, key)

    async def publish(
        self, message: bytes, topic: str, *, key: bytes, headers: dict[str, str], partition: int | None
    ) -> Any:
        await asyncio.sleep(next(self._number) * 7 % 11 / 100)
        return await self._broker.publish(message, topic, key=key, headers=headers, partition=partition)


async def test_what_kafka_refuses_is_given_back_with_a_delay_and_holds_up_nothing_else(
    postgres: Postgres, kafka: Kafka, relay: Relay, db: Stored
) -> None:
    good, refused = await kafka.topic(IMPORT_ACCEPTED), unique("refused")
    await kafka.create(refused, configs={"max.message.bytes": "50"})
    await add(postgres, replace(IMPORT_ACCEPTED, name=refused), 1)
    await add(postgres, good, 2)
    await relay.relay_once()
    (row,) = await db.rows("SELECT topic, lease, available_at > now() AS later FROM amigocare.outbox")
    assert row == {"topic": refused, "lease": None, "later": True}
    assert keys(await kafka.records(good.name)) == ["2"]
    await kafka.configure(refused, configs={"max.message.bytes": "1000000"})
    async with running(relay):
        await eventually(db.outbox_is_empty, seconds=10, what="an empty outbox")
    assert keys(await kafka.records(refused)) == ["1"]


async def test_what_kafka_refuses_holds_up_nothing_else_of_its_partition(
    postgres: Postgres, kafka: Kafka, relay: Relay, db: Stored
) -> None:
    topic = await kafka.topic(IMPORT_ACCEPTED)
    await add(postgres, topic, 1)
    await db.execute("UPDATE amigocare.outbox SET payload = decode(repeat('7b', 2000000), 'hex')")
    await relay.relay_once()
    await add(postgres, topic, *range(2, 6))
    await relay.relay_once()
    assert keys(await kafka.records(topic.name)) == ["2", "3", "4", "5"]
    assert await db.value("SELECT count(*) FROM amigocare.outbox") == 1


async def test_what_kafka_refuses_is_tried_again_ever_more_rarely(
    postgres: Postgres, kafka: Kafka, relay: Relay, db: Stored
) -> None:
    topic = unique("refused")
    await kafka.create(topic, configs={"max.message.bytes": "50"})
    await add(postgres, replace(IMPORT_ACCEPTED, name=topic), 1)
    pauses = []
    for _ in range(10):
        await relay.relay_once()
        pauses.append(
            await db.value("SELECT CAST(extract(epoch FROM available_at - now()) AS float) FROM amigocare.outbox")
        )
        await db.execute("UPDATE amigocare.outbox SET available_at = now()")
    assert pauses == pytest.approx([0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30], abs=0.3)


async def test_a_chunk_that_kafka_refuses_is_given_back_and_not_counted_as_sent(
    postgres: Postgres, kafka: Kafka, relay: Relay, db: Stored, tenant: Tenant, chunk_topic: str
) -> None:
    await kafka.configure(chunk_topic, configs={"max.message.bytes": "50"})
    import_id = await insert_import(postgres, tenant, row_counts=[1], name=unique("n"), payloads=[b"x" * 1000])

    async def sent() -> bool:
        sql = "SELECT sent_count = 1 FROM amigocare.lead_import_chunks WHERE import_id = :i"
        return bool(await db.value(sql, i=import_id))

    async with running(relay):
        await asyncio.sleep(0.5)  # several polls
        (chunk,) = await db.rows("SELECT * FROM amigocare.lead_import_chunks WHERE import_id = :i", i=import_id)
        assert (chunk["sent_at"], chunk["sent_count"]) == (None, 0)
        await kafka.configure(chunk_topic, configs={"max.message.bytes": "1000000"})
        await eventually(sent, seconds=10, what="the chunk's sending")
    assert keys(await kafka.records(chunk_topic)) == [f"{import_id}:0"]


async def test_a_turn_costs_a_statement_a_source_and_one_more_for_what_was_published(
    postgres: Postgres, kafka: Kafka, relay: Relay, tenant: Tenant
) -> None:
    await insert_imports(postgres, tenant, 10, chunks=2, size=100)
    await add(postgres, await kafka.topic(IMPORT_ACCEPTED), *range(1, 11))
    statements: list[str] = []

    def on_statement(*arguments: Any) -> None:
        statements.append(arguments[2].split()[0])

    event.listen(postgres.engine.sync_engine, "before_cursor_execute", on_statement)
    try:
        assert await relay.relay_once() == 30
    finally:
        event.remove(postgres.engine.sync_engine, "before_cursor_execute", on_statement)
    assert statements == ["WITH", "WITH", "DELETE", "UPDATE"]


async def test_a_relay_that_dies_between_publishing_and_forgetting_repeats_with_the_same_ce_id(
    postgres: Postgres, kafka: Kafka, broker: Broker, relay: Relay, db: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await kafka.topic(IMPORT_ACCEPTED)
    await add(postgres, topic, 1)

    async def dies(*args: Any, **kwargs: Any) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched, pytest.raises(ConnectionResetError):
        patched.setattr(outbox, "delete_events", dies)
        await relay.relay_once()
    other = relay_of(postgres, broker)
    assert await other.relay_once() == 0, "its lease still holds"
    await db.execute("UPDATE amigocare.outbox SET available_at = now()")
    assert await other.relay_once() == 1
    first, again = await kafka.records(topic.name)
    assert headers_of(first)["ce_id"] == headers_of(again)["ce_id"]


async def test_what_a_database_that_went_away_could_not_note_is_noted_later_and_not_published_again(
    postgres: Postgres, kafka: Kafka, relay: Relay, db: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await kafka.topic(IMPORT_ACCEPTED)
    await add(postgres, topic, 1)

    async def is_away(*args: Any, **kwargs: Any) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched, pytest.raises(ConnectionResetError):
        patched.setattr(outbox, "delete_events", is_away)
        await relay.relay_once()
    assert await relay.relay_once() == 0
    assert await db.outbox_is_empty()
    assert keys(await kafka.records(topic.name)) == ["1"]


class OneAway:
    """The real broker, but for one topic: its partition takes nothing."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self._broker = broker
        self.away: str | None = topic

    def partition_of(self, topic: str, key: bytes) -> int | None:
        return self._broker.partition_of(topic, key)

    async def publish(self, message: bytes, topic: str, **given: Any) -> None:
        if topic == self.away:
            raise KafkaTimeoutError
        await self._broker.publish(message, topic=topic, **given)


async def test_a_relay_says_that_a_partition_is_away_until_what_it_did_not_take_has_arrived(
    postgres: Postgres,
    kafka: Kafka,
    broker: Broker,
    chunk_topic: str,
    db: Stored,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another relay has the message in hand now, for as long as it likes; this one has other things to send."""
    monkeypatch.setattr("libs.common.outbox.lanes.QUIET_SECONDS", 0.1)
    good, away = await kafka.topic(IMPORT_ACCEPTED), await kafka.topic(IMPORT_ACCEPTED)
    relay = relay_of(postgres, OneAway(broker, away.name), of=outbox.EventOutbox(), poll_seconds=0.02)
    await add(postgres, away, 1)

    async def told() -> bool:
        return relay.trouble.lasting() is not None

    async def silent() -> bool:
        return relay.trouble.lasting() is None

    async with running(relay):
        await eventually(told, seconds=10, what="a relay that says so")
        leased = "UPDATE amigocare.outbox SET lease = gen_random_uuid(), available_at = now() + interval '50 seconds'"
        await db.execute(leased + " WHERE topic = :topic", topic=away.name)
        for number in range(1, 21):
            await add(postgres, good, number)
            relay.wake()
            await asyncio.sleep(0.05)  # ten times as long as it takes to forget
            assert await told(), "nobody has sent it, so the partition is still away as far as anybody knows"
        await db.execute("DELETE FROM amigocare.outbox WHERE topic = :topic", topic=away.name)
        await eventually(silent, seconds=10, what="a relay that works again")


async def test_a_database_that_is_away_ends_no_relay_and_a_stop_ends_it_at_once(broker: Broker) -> None:
    away = Postgres(
        PostgresSettings(postgres_url=SecretStr("postgresql://leadflow:x@127.0.0.1:9/leadflow")),
        application_name="tests",
    )
    relay = relay_of(away, broker)
    began = time.monotonic()
    async with running(relay):
        await asyncio.sleep(0.5)  # several attempts
    assert time.monotonic() - began < 3
    await away.close()
