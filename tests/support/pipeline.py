"""The stages' handlers on the real stores, one call after the other, without Kafka between them."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

from libs.common.clock import utc_now
from libs.common.kafka.dead_letter import DeadLetter
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.acceptance import acceptance_number
from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkCreated, ChunkDeduplicated, ChunkTagged
from services.creator import handlers as creator
from services.creator.portions import Asking
from services.creator.store import Store as CreatorStore
from services.dedup import handlers as dedup
from services.dedup.store import Store as DedupStore
from services.finalizer import handlers as finalizer
from services.finalizer.store import Store as FinalizerStore
from services.tagger import handlers as tagger
from services.tagger.store import Store as TaggerStore
from tests.support.imports import ACCEPTED_AT

MessageT = TypeVar("MessageT")


def into(messages: list[MessageT]) -> Callable[[MessageT], Awaitable[None]]:
    """Return a publisher that keeps what it is given."""

    async def publish(message: MessageT) -> None:
        messages.append(message)

    return publish


def all_into(messages: list[MessageT]) -> Callable[[Sequence[MessageT]], Coroutine[Any, Any, None]]:
    """Return a publisher of many at once that keeps what it is given."""

    async def publish(several: Sequence[MessageT]) -> None:
        messages.extend(several)

    return publish


class Pipeline:
    """Each stage returns the message that it would publish."""

    def __init__(self, postgres: Postgres, mongo: Mongo) -> None:
        self.dedup_store = DedupStore(postgres, mongo)
        self.tagger_store = TaggerStore(postgres)
        self.creator_store = CreatorStore(postgres, mongo)
        self.finalizer_store = FinalizerStore(postgres, clock=utc_now)

    async def dedup(self, chunk: ChunkAccepted) -> ChunkDeduplicated:
        messages: list[ChunkDeduplicated] = []
        await dedup.settle_existing(chunk, store=self.dedup_store, publish=into(messages))
        (message,) = messages
        return message

    async def tag(self, chunk: ChunkDeduplicated) -> ChunkTagged | None:
        """None: the chunk had ended, nothing was published."""
        messages: list[ChunkTagged] = []
        await tagger.tag_chunk(chunk, store=self.tagger_store, publish=into(messages))
        return messages[0] if messages else None

    async def create(self, chunk: ChunkTagged, *, asking: Asking | None = None) -> ChunkCreated:
        """Raises NotFinished where the message would come again."""
        created = await self.create_if_open(chunk, asking=asking)
        assert created is not None
        return created

    async def create_if_open(self, chunk: ChunkTagged, *, asking: Asking | None = None) -> ChunkCreated | None:
        """None: the chunk had ended, nothing was published."""
        messages: list[ChunkCreated] = []
        await creator.create_leads(
            chunk, store=self.creator_store, asking=asking, publish=into(messages), clock=utc_now
        )
        return messages[0] if messages else None

    async def settle(self, chunk: ChunkCreated) -> None:
        await finalizer.settle_chunk(chunk, store=self.finalizer_store, wake_relay=lambda: None)

    async def dead_letter(self, chunk: tuple[int, int] | None, *, accepted_at: datetime | None = ACCEPTED_AT) -> None:
        """Settle a chunk (import id, chunk index) whose message was dead-lettered."""
        acceptance = (acceptance_number(accepted_at),) if accepted_at else ()
        piece = chunk + acceptance if chunk else None
        letter = DeadLetter(piece, "lead.import-chunk-tagged.v1", "", "BadMessage", "", 1, "creator")
        await finalizer.settle_dead_letter(letter, store=self.finalizer_store, wake_relay=lambda: None)

    async def until_created(self, chunk: ChunkAccepted) -> ChunkCreated:
        """Pass the chunk from dedup to creator."""
        tagged = await self.tag(await self.dedup(chunk))
        assert tagged is not None
        return await self.create(tagged)

    async def whole(self, chunk: ChunkAccepted) -> ChunkCreated:
        """Pass the chunk through all stages."""
        created = await self.until_created(chunk)
        await self.settle(created)
        return created
