"""The pipeline in one process: real handlers, real stores, real databases; Kafka is a list that redelivers.

Each process life gets its own stores with its own crash plan. A message stays at the head of its topic until
its handler returned, as an offset stays uncommitted.
"""

import asyncio
import itertools
import uuid
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar, cast

from sqlalchemy import text

from libs.common.kafka.dead_letter import DeadLetter
from libs.common.outbox.event_outbox import EventOutbox
from libs.common.outbox.relay import Relay
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.common.topics import Topic
from libs.contracts.lead_import.events import ImportFinished
from libs.contracts.lead_import.internal.topics import (
    CHUNK_ACCEPTED,
    CHUNK_CREATED,
    CHUNK_DEDUPLICATED,
    CHUNK_TAGGED,
    DEAD_LETTERS,
)
from libs.contracts.lead_import.topics import IMPORT_FINISHED
from libs.contracts.lead_undo.events import ImportUndone
from libs.contracts.lead_undo.internal.topics import UNDO_REQUESTED
from libs.contracts.lead_undo.topics import IMPORT_UNDONE
from libs.imports.chunk_outbox import ChunkOutbox
from libs.imports.chunk_path import PathLags
from libs.imports.chunk_states import NamedChunk, Window
from services.api.ending.store import Answer, EndingStore
from services.api.http.store import Scope
from services.creator import handlers as creator
from services.creator.portions import Asking
from services.creator.questions import Question, Said
from services.creator.store import Store as CreatorStore
from services.creator.whatsapp import Replies, WhatsApp
from services.dedup import handlers as dedup
from services.dedup.store import Store as DedupStore
from services.finalizer import handlers as finalizer
from services.finalizer.canceler import Canceler
from services.finalizer.store import Store as FinalizerStore
from services.finalizer.watchdog import Watchdog
from services.operator.store import Store as OperatorStore
from services.tagger import handlers as tagger
from services.tagger.store import Store as TaggerStore
from services.undoer import handlers as undoer
from services.undoer.store import Store as UndoerStore
from tests.chaos.accepting import File, Row, accept
from tests.chaos.checker import ExpectedImport, FinishedSeen, UndoneSeen
from tests.chaos.crash import Crash, CrashingMongo, CrashingPostgres, CrashPlan
from tests.support.platform import Tenant

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
STAGES = (
    "accept",
    "relay",
    "dedup",
    "tagger",
    "creator",
    "finalizer",
    "watchdog",
    "operator",
    "ending",
    "canceler",
    "undoer",
)
_TOPIC_OF: dict[str, Topic[Any]] = {
    "dedup": CHUNK_ACCEPTED,
    "tagger": CHUNK_DEDUPLICATED,
    "creator": CHUNK_TAGGED,
    "finalizer": CHUNK_CREATED,
    "undoer": UNDO_REQUESTED,
}
_names = itertools.count()
T = TypeVar("T")


class Provider:
    """Says of numbers as the WhatsApp provider of the local stack does: those in 0000 are absent."""

    def __init__(self, plan: CrashPlan) -> None:
        self._plan = plan
        self.heard_at = 0.0

    async def ask(self, questions: Sequence[Question], *, until: float, trial: bool = False) -> Replies:
        async def answer() -> Replies:
            said = {each.row: Said.ABSENT if each.phone.endswith("0000") else Said.PRESENT for each in questions}
            return Replies(said=said, calls=len(said))

        return await self._plan.around("ask the provider", answer)


class World:
    """One tenant's imports, driven message by message. ``plans`` says in which stage a life ends where.

    Messages of ``bad_stage`` are bad and dead-lettered until somebody mends it.
    """

    def __init__(self, postgres: Postgres, mongo: Mongo, tenant: Tenant, plans: dict[str, CrashPlan]) -> None:
        self.bad_stage: str | None = None
        self.asks_provider = False
        self.overtaken = False
        """Repeats come when the leads are made, and are settled before what they repeat."""
        self.together = False
        """All messages of a stage are handled at the same time. Not for plans that crash."""
        self.before_creator: Callable[[], Awaitable[None]] | None = None
        """What happens once, between dedup and creator."""
        self.before: dict[str, Callable[[], Awaitable[None]]] = {}
        """What happens once, before a stage has its first messages."""
        self.letters: deque[DeadLetter] = deque()
        self._real = (postgres, mongo)
        self.tenant = tenant
        self.plans = {stage: plans.get(stage, CrashPlan()) for stage in STAGES}
        self.topics: dict[str, deque[bytes]] = defaultdict(deque)
        self.events: list[FinishedSeen] = []
        self.undone: list[UndoneSeen] = []
        self.expected: list[ExpectedImport] = []

    def _stores(self, stage: str) -> tuple[Postgres, Mongo, CrashPlan]:
        plan = self.plans[stage]
        return CrashingPostgres(self._real[0], plan), CrashingMongo(self._real[1], plan), plan

    async def _live(self, stage: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Run until the end or the crash of this life; tell whether it came to the end."""
        try:
            await work()
        except Crash:
            return False
        self.plans[stage].passed = 0
        return True

    # --- the api ---

    async def accept(self, rows: list[Row], *, chunk_rows: int, tag_ids: list[int]) -> int:
        """Have an upload accepted. A client without an answer asks again, with the same Idempotency-Key."""
        file = File(f"crash {next(_names)} {uuid.uuid4()}", rows, chunk_rows, tag_ids)
        answers: list[int] = []

        async def upload() -> None:
            postgres, _, _ = self._stores("accept")
            answers.append(await accept(postgres, self.tenant, file, clock=lambda: NOW))

        while not await self._live("accept", upload):
            continue
        return answers[-1]

    # --- the relay ---

    async def relay(self) -> int:
        """Publish what is due, and return how much that was; a relay that died leaves leases, which then run out."""
        while True:
            counts: list[int] = []
            if await self._live("relay", partial(self._relay, counts)):
                return counts[-1]
            await self._let_leases_run_out()

    async def _relay(self, counts: list[int]) -> None:
        postgres, _, plan = self._stores("relay")
        world = self

        class Kafka:
            def partition_of(self, topic: str, key: bytes) -> int:
                return 0

            async def publish(
                self, message: bytes, topic: str, *, key: bytes, headers: dict[str, str], partition: int | None
            ) -> None:
                async def append() -> None:
                    world.deliver(topic, message, headers)

                await plan.around("publish", append)

        chunks = ChunkOutbox(Window(alone=3, shared=2), service="chaos", clock=lambda: NOW)
        relay = Relay(postgres, Kafka(), service="chaos", sources=(EventOutbox(), chunks), poll_seconds=1)
        counts.append(await relay.relay_once())

    async def _let_leases_run_out(self) -> None:
        async with self._real[0].transaction() as connection:
            await connection.execute(
                text(
                    "UPDATE amigocare.lead_import_chunks c SET lease_until = now() - interval '1 second'"
                    " FROM amigocare.lead_imports i"
                    " WHERE i.id = c.import_id AND i.company_id = :company AND c.lease_until IS NOT NULL"
                ),
                {"company": self.tenant.company_id},
            )
            await connection.execute(
                text(
                    "UPDATE amigocare.outbox SET available_at = now() - interval '1 second'"
                    " WHERE key IN (SELECT CAST(id AS text) FROM amigocare.lead_imports WHERE company_id = :company)"
                ),
                {"company": self.tenant.company_id},
            )

    # --- Kafka ---

    def deliver(self, topic: str, payload: bytes, headers: dict[str, str]) -> None:
        """Append to a topic; finished events are what the world sees."""
        if topic == IMPORT_FINISHED.name:
            event = ImportFinished.model_validate_json(payload)
            totals = (event.total_created, event.total_existing, event.total_errors)
            self.events.append(FinishedSeen(event.import_id, headers["ce_id"], event.revision, totals))
        if topic == IMPORT_UNDONE.name:
            undone = ImportUndone.model_validate_json(payload)
            counts = (undone.reversed, undone.kept, undone.failed)
            self.undone.append(UndoneSeen(undone.import_id, headers["ce_id"], counts))
        self.topics[topic].append(payload)

    def _publisher(self, stage: str, topic: Topic[Any], plan: CrashPlan) -> Callable[[Any], Awaitable[None]]:
        async def publish(event: Any) -> None:
            async def append() -> None:
                headers = topic.headers(topic.identity(event), source=stage, time=NOW)
                self.deliver(topic.name, event.model_dump_json().encode(), headers)

            await plan.around("publish", append)

        return publish

    # --- the stages ---

    async def handle(self, stage: str, payload: bytes) -> None:
        """Run the stage's handler on one message, with the stores of this life."""
        postgres, mongo, plan = self._stores(stage)
        event = _TOPIC_OF[stage].event.model_validate_json(payload)
        if stage == "dedup":
            publish = self._publisher(stage, CHUNK_DEDUPLICATED, plan)
            await dedup.settle_existing(event, store=DedupStore(postgres, mongo), publish=publish)
        elif stage == "tagger":
            publish = self._publisher(stage, CHUNK_TAGGED, plan)
            await tagger.tag_chunk(event, store=TaggerStore(postgres), publish=publish)
        elif stage == "creator":
            store = CreatorStore(postgres, mongo)
            publish = self._publisher(stage, CHUNK_CREATED, plan)
            # It has all that is asked for.
            asking = Asking(cast(WhatsApp, Provider(plan)), store, attempts=4) if self.asks_provider else None
            await creator.create_leads(event, store=store, asking=asking, publish=publish, clock=lambda: NOW)
        elif stage == "undoer":
            undoer_store = UndoerStore(postgres, mongo, clock=lambda: NOW, portion=2)
            await undoer.undo_import(event, store=undoer_store, stopping=lambda: False, monotonic=lambda: 0.0)
        else:
            finalizer_store = FinalizerStore(postgres, clock=lambda: NOW)
            await finalizer.settle_chunk(event, store=finalizer_store, wake_relay=lambda: None)

    async def _dead_letter(self, stage: str, payload: bytes) -> None:
        """Do what the middleware does with a bad message: publish its letter, then commit."""
        topic = _TOPIC_OF[stage]
        chunk = topic.event.model_validate_json(payload)
        piece = DEAD_LETTERS.piece_of(topic.identity(chunk).encode())
        letter = DeadLetter(piece, topic.name, "", "BadMessage", "", 1, stage)

        async def append() -> None:
            self.letters.append(letter)

        await self.plans[stage].around("publish the dead letter", append)

    async def _settle_letter(self, letter: DeadLetter) -> None:
        postgres, _, _ = self._stores("finalizer")
        store = FinalizerStore(postgres, clock=lambda: NOW)
        await finalizer.settle_dead_letter(letter, store=store, wake_relay=lambda: None)

    async def until_quiet(self) -> None:
        """Deliver until no topic and no outbox holds anything for this tenant."""
        while True:
            progressed = await self.relay()
            accepted = self.topics[CHUNK_ACCEPTED.name]
            while self.overtaken and len(accepted) > 1:
                progressed += await self._drain_stage("dedup", most=1)
                progressed += await self._drain_stage("tagger") + await self._drain_stage("creator")
            for stage in ("dedup", "tagger", "creator"):
                progressed += await self._drain_stage(stage)
            if self.overtaken:
                self.topics[CHUNK_CREATED.name].reverse()
            progressed += await self._drain_stage("finalizer")
            progressed += await self._drain("finalizer", self.letters, self._settle_letter)
            progressed += await self.look_for_canceled()
            progressed += await self._drain_stage("undoer")
            if not progressed:
                return

    async def _drain_stage(self, stage: str, *, most: int | None = None) -> int:
        queue = self.topics[_TOPIC_OF[stage].name]
        if stage == "creator" and queue and self.before_creator:
            await self.before_creator()
            self.before_creator = None
        if queue and stage in self.before:
            await self.before.pop(stage)()
        work = self._dead_letter if stage == self.bad_stage else self.handle
        if self.together:
            payloads = list(queue)
            queue.clear()
            await asyncio.gather(*(work(stage, payload) for payload in payloads))
            return len(payloads)
        return await self._drain(stage, queue, partial(work, stage), most=most)

    async def _drain(
        self, stage: str, queue: deque[T], work: Callable[[T], Awaitable[None]], *, most: int | None = None
    ) -> int:
        """Handle what the queue holds now, or so many of it; return the number of lives that it took."""
        lives = 0
        for _ in range(len(queue) if most is None else most):
            while not await self._live(stage, partial(work, queue[0])):
                lives += 1
            queue.popleft()
            lives += 1
        return lives

    # --- what people ask for ---

    async def cancel(self, import_id: int) -> bool:
        """Ask for the import's end, as often as it takes; tell whether it will be canceled."""
        return await self._asked(lambda store, scope: store.cancel(scope, import_id, user_id=self.tenant.user_id))

    async def undo(self, import_id: int) -> bool:
        """Ask for the import to be taken back, as often as it takes; tell whether it will be."""

        async def ask(store: EndingStore, scope: Scope) -> Answer:
            answer, _ = await store.undo(scope, import_id, user_id=self.tenant.user_id)
            return answer

        return await self._asked(ask)

    async def _asked(self, ask: Callable[[EndingStore, Scope], Awaitable[Answer]]) -> bool:
        answers: list[Answer] = []

        async def call() -> None:
            postgres, _, _ = self._stores("ending")
            store = EndingStore(postgres, clock=lambda: NOW)
            answers.append(await ask(store, Scope(self.tenant.company_id, None)))

        while not await self._live("ending", call):
            continue
        return answers[-1] is Answer.YES

    async def look_for_canceled(self) -> bool:
        """Let a finalizer look for canceled imports, as it does every second; tell whether one has ended by that."""
        store = FinalizerStore(self._real[0], clock=lambda: NOW)
        before = await store.canceled_imports()

        async def look() -> None:
            postgres, _, _ = self._stores("canceler")
            canceler = Canceler(FinalizerStore(postgres, clock=lambda: NOW), wake_relay=lambda: None, cancel_seconds=1)
            await canceler.cancel_once()

        while not await self._live("canceler", look):
            continue
        return before != await store.canceled_imports()

    # --- repairs ---

    async def resend_silent_chunks(self) -> None:
        """Let the watchdog look once, as if nothing had moved for long."""

        async def watch() -> None:
            postgres, _, _ = self._stores("watchdog")

            async def no_lag() -> PathLags:
                return {}

            watchdog = Watchdog(
                FinalizerStore(postgres, clock=lambda: NOW),
                lags=no_lag,
                wake_relay=lambda: None,
                watch_seconds=1,
                resend_after_seconds=0,
            )
            await watchdog.watch_once()

        while not await self._live("watchdog", watch):
            continue

    async def replay(self, chunks: list[tuple[int, int]]) -> None:
        """Replay dead-lettered chunks as the people on call do, who ask again when their command died."""

        async def reopen() -> None:
            postgres, _, _ = self._stores("operator")
            await OperatorStore(postgres).reopen([NamedChunk(*chunk) for chunk in chunks])

        while not await self._live("operator", reopen):
            continue
