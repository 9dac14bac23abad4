"""What PostgreSQL, MongoDB and Kafka say of the same imports, after one of them went back in time. PostgreSQL is right.

Every call is safe to run twice. None is for beside running services: a creator makes a lead, then its chat.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer
from bson import ObjectId
from pymongo.errors import BulkWriteError
from sqlalchemy import text

from libs.common.clock import utc_now
from libs.common.kafka.clients import kafka_consumer, topic_in_kafka
from libs.common.outbox.event_outbox import add_events
from libs.common.settings import KafkaSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.events import ImportAccepted, ImportFinished
from libs.contracts.lead_import.topics import IMPORT_ACCEPTED, IMPORT_FINISHED
from libs.imports import chunk_sending
from libs.imports.chats import UNTOUCHED, chats_of

PORTION = 1_000
QUIET_MS = 5_000
REPEATED = 11_000

_KNOWN = text(
    """
    SELECT given.id FROM unnest(CAST(:ids AS int[]), CAST(:times AS timestamptz[])) AS given (id, accepted_at)
    WHERE EXISTS (SELECT FROM amigocare.lead_imports i WHERE i.id = given.id AND i.created_at = given.accepted_at)
    """
)
_SEQUENCES = text(
    """
    SELECT schemaname || '.' || sequencename AS name FROM pg_sequences
    WHERE schemaname IN ('amigocare', 'crm') AND last_value IS NOT NULL AND data_type IN ('integer', 'bigint')
    ORDER BY 1
    """
)
_JUMP = text(
    """
    SELECT setval(CAST(CAST(:name AS text) AS regclass), least(last_value + :numbers, max_value))
    FROM pg_sequences WHERE schemaname || '.' || sequencename = :name
    """
)
# Their events may have been told with other totals before: the next end is another one.
_NEXT_REVISION = text(
    """
    UPDATE amigocare.lead_imports SET revision = revision + 1
    WHERE id IN (SELECT id FROM amigocare.lead_imports WHERE status = 'PROCESSING' AND revision = 0
                 ORDER BY id FOR NO KEY UPDATE)
    """
)
_ON_THEIR_WAY = text(
    """
    SELECT count(*) FROM amigocare.lead_import_chunks c JOIN amigocare.lead_imports i ON i.id = c.import_id
    WHERE i.status = 'PROCESSING' AND c.sent_at IS NOT NULL AND c.settled_at IS NULL
    """
)
_UNDOS = text("SELECT import_id FROM amigocare.lead_import_undos WHERE finished_at IS NULL ORDER BY 1")
# Whoever reads them knows the later revision from the one that it may have read.
_TELL_AGAIN = text(
    """
    UPDATE amigocare.lead_imports SET revision = revision + 1
    WHERE id IN (SELECT id FROM amigocare.lead_imports
                 WHERE status <> 'PROCESSING' AND finished_at >= now() - make_interval(secs => :seconds)
                 ORDER BY id FOR NO KEY UPDATE)
    RETURNING id AS import_id, company_id, account_id, source_id, creator_id, status, total_rows, total_created,
              total_existing, total_errors, failure_reason, revision, created_at AS accepted_at, finished_at
    """
)
_OF_CHATS = text("SELECT chat_id FROM amigocare.amigocare_leads WHERE chat_id = ANY(CAST(:chat_ids AS text[]))")
_LEADS = text(
    """
    SELECT l.id AS lead_id, l.chat_id, l.company_id, l.amigocare_messaging_account_id AS account_id, l.import_id,
           l.name, l.contact_cellphone, l.contact_cellphone_dial_code, l.contact_cellphone_country_code, l.created_at
    FROM amigocare.amigocare_leads l JOIN amigocare.lead_imports i ON i.id = l.import_id
    WHERE l.id > :after AND NOT l.is_deleted AND l.chat_id IS NOT NULL
    ORDER BY l.id LIMIT :most
    """
)


@dataclass(frozen=True, slots=True)
class Chats:
    """What was found of chats, and done: those without a lead, and leads without a chat."""

    without_lead: int
    used: int
    """Of those, the ones that somebody has used since: they are left to people."""
    missing: int


class RecoveryStore:
    """``postgres`` is the owner's: sequences are nobody else's to set."""

    def __init__(self, postgres: Postgres, mongo: Mongo) -> None:
        self._postgres = postgres
        self._mongo = mongo

    async def unknown(self, accepted: Sequence[ImportAccepted]) -> list[ImportAccepted]:
        """Return the imports that were accepted and that PostgreSQL does not know, by id and time."""
        found: list[ImportAccepted] = []
        async with self._postgres.transaction() as connection:
            for start in range(0, len(accepted), PORTION):
                some = accepted[start : start + PORTION]
                given = {"ids": [each.import_id for each in some], "times": [each.accepted_at for each in some]}
                known = set((await connection.execute(_KNOWN, given)).scalars())
                found += [each for each in some if each.import_id not in known]
        return found

    async def jump(self, numbers: int) -> list[str]:
        """Let each sequence leave out so many numbers: those that were given after the backup are not given again."""
        async with self._postgres.transaction() as connection:
            names = list((await connection.execute(_SEQUENCES)).scalars())
            for name in names:
                await connection.execute(_JUMP, {"name": name, "numbers": numbers})
        return names

    async def end_anew(self) -> int:
        """Let imports in progress end with revision 2 or later; return how many. A second run finds none."""
        async with self._postgres.transaction() as connection:
            return (await connection.execute(_NEXT_REVISION)).rowcount

    async def chunks_on_their_way(self) -> int:
        """Return how many chunks were sent and have not ended."""
        async with self._postgres.transaction() as connection:
            return int((await connection.execute(_ON_THEIR_WAY)).scalar_one())

    async def send_anew(self) -> int:
        """Let every chunk that has not ended be sent again; return how many were on their way."""
        async with self._postgres.transaction() as connection:
            return await chunk_sending.send_all_again(connection)

    async def tell_ends_again(self, seconds: float) -> int:
        """Tell again how imports ended within the last ``seconds``, with their next revision; return how many.

        A second run tells it once more.
        """
        async with self._postgres.transaction() as connection:
            rows = (await connection.execute(_TELL_AGAIN, {"seconds": seconds})).mappings()
            events = sorted((ImportFinished.model_validate(dict(row)) for row in rows), key=lambda each: each.import_id)
            await add_events(connection, IMPORT_FINISHED, events, source="finalizer", time=utc_now())
            return len(events)

    async def undos(self) -> list[int]:
        """Return the imports that are being taken back: their wish may be lost with Kafka, or come again."""
        async with self._postgres.transaction() as connection:
            return list((await connection.execute(_UNDOS)).scalars())

    async def agree_on_chats(self, *, yes: bool) -> Chats:
        """Delete imports' chats without a lead, and make chats that leads lack; without ``yes`` only count."""
        without, used = 0, 0
        chats = chats_of(self._mongo)
        async for some in self._chats_of_imports():
            async with self._postgres.transaction(by_index=True) as connection:
                given = {"chat_ids": [str(each) for each in some]}
                known = set((await connection.execute(_OF_CHATS, given)).scalars())
            orphans = [each for each in some if str(each) not in known]
            if not orphans:
                continue
            unused = {"_id": {"$in": orphans}} | UNTOUCHED
            count = await chats.count_documents(unused)
            without, used = without + len(orphans), used + len(orphans) - count
            if yes:
                await chats.delete_many(unused)
        return Chats(without, used, await self._make_missing(yes=yes))

    async def _chats_of_imports(self) -> AsyncIterator[list[ObjectId]]:
        last = ObjectId("0" * 24)
        while True:
            named = {"_id": {"$gt": last}, "import_id": {"$exists": True}}
            found = chats_of(self._mongo).find(named, {"_id": 1}).sort("_id", 1).limit(PORTION)
            ids = [chat["_id"] async for chat in found]
            if not ids:
                return
            yield ids
            last = ids[-1]

    async def _make_missing(self, *, yes: bool) -> int:
        after, missing = 0, 0
        chats = chats_of(self._mongo)
        while True:
            async with self._postgres.transaction() as connection:
                leads = list((await connection.execute(_LEADS, {"after": after, "most": PORTION})).mappings())
            if not leads:
                return missing
            after = leads[-1]["lead_id"]
            ids = [ObjectId(lead["chat_id"]) for lead in leads]
            there = {str(chat["_id"]) async for chat in chats.find({"_id": {"$in": ids}}, {"_id": 1})}
            lacking = [dict(lead) for lead in leads if lead["chat_id"] not in there]
            missing += len(lacking)
            if yes and lacking:
                await self._insert([_chat(lead) for lead in lacking])

    async def _insert(self, documents: list[dict[str, Any]]) -> None:
        try:
            await chats_of(self._mongo).insert_many(documents, ordered=False)
        except BulkWriteError as error:
            if any(item["code"] != REPEATED for item in error.details["writeErrors"]):
                raise


def _chat(lead: dict[str, Any]) -> dict[str, Any]:
    made = lead.pop("created_at")
    return {"_id": ObjectId(lead.pop("chat_id")), **lead, "created_at": made, "updated_at": made}


async def accepted_imports(settings: KafkaSettings) -> list[ImportAccepted]:
    """Return every import whose acceptance Kafka still holds, each once. Raises TimeoutError, and KafkaError."""
    topic = topic_in_kafka(settings, IMPORT_ACCEPTED.name)
    consumer: AIOKafkaConsumer = kafka_consumer(
        settings, topic, client_id="leadflow-operator", enable_auto_commit=False, auto_offset_reset="earliest"
    )
    found: dict[tuple[int, Any], ImportAccepted] = {}
    try:
        await consumer.start()
        partitions = sorted(consumer.assignment())
        starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        behind = {each for each in partitions if starts[each] < ends[each]}
        while behind:
            batches = await consumer.getmany(*behind, timeout_ms=QUIET_MS)
            if not batches:
                raise TimeoutError("Kafka does not answer")
            for records in batches.values():
                for record in records:
                    event = ImportAccepted.model_validate_json(record.value or b"")
                    found[event.import_id, event.accepted_at] = event
            behind = {each for each in behind if await consumer.position(each) < ends[each]}
    finally:
        await consumer.stop()
    return [found[key] for key in sorted(found)]
