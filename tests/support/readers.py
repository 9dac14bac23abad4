"""What the system stored and published, read past its own code."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from pymongo.asynchronous.collection import AsyncCollection
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.waiting import eventually

FINISHED = "lead.import-finished.v1"
ACCEPTED = "lead.import-accepted.v1"

_LEADS = """
    SELECT leads.*, channels.name AS channel, channels.is_deleted AS channel_is_deleted,
           ARRAY(SELECT tags.name FROM amigocare.chat_tags links JOIN amigocare.tags ON tags.id = links.tag_id
                 WHERE links.lead_id = leads.id AND links.chat_id = leads.chat_id AND NOT links.is_deleted) AS tags
    FROM amigocare.amigocare_leads leads JOIN amigocare.lead_channels channels ON channels.id = leads.channel_id
    WHERE leads.company_id = :company AND NOT leads.is_deleted ORDER BY leads.id
"""


_WAITS = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())"


@dataclass(frozen=True, slots=True)
class Stored:
    """PostgreSQL and MongoDB of the running services."""

    engine: AsyncEngine
    chats: AsyncCollection[dict[str, Any]]

    async def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        async with self.engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(text(statement), values)).mappings()]

    async def value(self, statement: str, **values: Any) -> Any:
        async with self.engine.connect() as connection:
            value: Any = (await connection.execute(text(statement), values)).scalar()
            return value

    async def execute(self, statement: str, **values: Any) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(text(statement), values)

    async def leads(self, company_id: int) -> list[dict[str, Any]]:
        """Return the company's live leads with their channel's name and their tags' names."""
        return await self.rows(_LEADS, company=company_id)

    async def chats_of(self, company_id: int) -> list[dict[str, Any]]:
        return await self.chats.find({"company_id": company_id}).to_list()

    async def outbox_is_empty(self) -> bool:
        return not await self.value("SELECT count(*) FROM amigocare.outbox")

    async def waits_for_a_lock(self) -> bool:
        """Tell whether a transaction of the database waits for what another one holds."""
        return bool(await self.value(_WAITS))

    async def nothing_of(self, company_id: int) -> None:
        """Check that a company whose uploads were all refused left nothing behind."""
        await eventually(self.outbox_is_empty, what="an empty outbox")
        for table in ("lead_imports", "amigocare_leads", "chat_tags"):
            assert await self.value(f"SELECT count(*) FROM amigocare.{table} WHERE company_id = :c", c=company_id) == 0
        orphans = "WHERE import_id NOT IN (SELECT id FROM amigocare.lead_imports)"
        for table in ("lead_import_chunks", "lead_import_rows", "lead_import_tags"):
            assert await self.value(f"SELECT count(*) FROM amigocare.{table} {orphans}") == 0
        assert await self.chats_of(company_id) == []

    async def consistent(self, company_id: int) -> int:
        """Check that imported leads and chats point at each other, one to one; return how many."""
        leads = await self.leads(company_id)
        chats = [chat for chat in await self.chats_of(company_id) if "import_id" in chat]
        assert {(lead["id"], lead["chat_id"], lead["import_id"]) for lead in leads if lead["import_id"]} == {
            (chat["lead_id"], str(chat["_id"]), chat["import_id"]) for chat in chats
        }
        phones = [
            (lead["amigocare_messaging_account_id"], lead["contact_cellphone_country_code"], lead["contact_cellphone"])
            for lead in leads
        ]
        assert len(set(phones)) == len(phones)
        strays = "lead_id NOT IN (SELECT id FROM amigocare.amigocare_leads)"
        assert await self.value(f"SELECT count(*) FROM amigocare.chat_tags WHERE {strays}") == 0
        return len(chats)


@dataclass(frozen=True, slots=True)
class Topic:
    """A subscriber without a group: holds every record of a topic since the beginning, by key."""

    consumer: AIOKafkaConsumer
    partitions: list[TopicPartition]
    records: dict[str, list[ConsumerRecord]] = field(default_factory=lambda: defaultdict(list))

    async def catch_up(self) -> None:
        """Read to what is the end now."""
        ends = await self.consumer.end_offsets(self.partitions)
        while True:
            behind = [
                partition for partition in self.partitions if await self.consumer.position(partition) < ends[partition]
            ]
            if not behind:
                return
            for batch in (await self.consumer.getmany(*behind, timeout_ms=200)).values():
                for record in batch:
                    self.records[record.key.decode()].append(record)

    async def first_of(self, key: int | str, *, seconds: float = 30.0) -> ConsumerRecord:
        """Wait for a record with this key."""

        async def look() -> ConsumerRecord | None:
            await self.catch_up()
            return next(iter(self.records[str(key)]), None)

        return await eventually(look, seconds=seconds, what=f"a record of {key}")

    async def all_of(self, import_id: int, stored: Stored) -> list[ConsumerRecord]:
        """Return the import's records once nothing is left to publish."""
        await self.first_of(import_id)
        await eventually(stored.outbox_is_empty, what="an empty outbox")
        await self.catch_up()
        return self.records[str(import_id)]


@asynccontextmanager
async def subscribed(bootstrap: str, name: str, *, seconds: float = 30.0, **access: Any) -> AsyncIterator[Topic]:
    """Subscribe to a topic as soon as Kafka answers, within so long.

    ``access``: what aiokafka must be told of a secured one.
    """

    async def look() -> AIOKafkaConsumer | None:
        consumer = AIOKafkaConsumer(
            name,
            bootstrap_servers=bootstrap,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            **access,
            fetch_max_wait_ms=20,  # a connection answers in order: a question about offsets waits for the last fetch
        )
        try:
            await consumer.start()
        except KafkaError:
            await consumer.stop()
            return None
        return consumer

    consumer = await eventually(look, seconds=seconds, what="Kafka")
    try:
        yield Topic(consumer, sorted(consumer.assignment()))
    finally:
        await consumer.stop()


def body_of(record: ConsumerRecord) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(record.value)
    return body


def headers_of(record: ConsumerRecord) -> dict[str, str]:
    names = [name for name, _ in record.headers]
    assert len(set(names)) == len(names), f"a header twice: {names}"
    return {name: value.decode() for name, value in record.headers}
