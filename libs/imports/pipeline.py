"""The services of the import as processes: what they have in common."""

from typing import Any, TypeVar

from libs.common.kafka.broker import Broker
from libs.common.kafka.lag import partition_lags
from libs.common.kafka.publishing import Publisher
from libs.common.outbox.event_outbox import EventOutbox
from libs.common.outbox.relay import Relay
from libs.common.process.consumer import ConsumerService
from libs.common.settings import KafkaSettings, ServiceSettings
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import Chunk
from libs.contracts.lead_import.internal.topics import DEAD_LETTERS
from libs.imports.chunk_outbox import ChunkOutbox
from libs.imports.chunk_path import PATH, PathLags
from libs.imports.chunk_states import Window
from libs.imports.metrics import count_rows
from libs.imports.partitions import SpreadChunks
from libs.imports.settings import ChunkRelaySettings

AnyChunk = TypeVar("AnyChunk", bound=Chunk[Any])


def pipeline_service(name: str, settings: ServiceSettings) -> ConsumerService:
    """Return a stage of the import: its chunks are dealt out to partitions, its dead letters end their imports."""
    return ConsumerService(name, settings, dead_letters=DEAD_LETTERS, partitioner=SpreadChunks())


class ChunkPublisher(Publisher[AnyChunk]):
    """Publishes what a stage passes on, and counts its rows."""

    async def __call__(self, event: AnyChunk) -> None:
        await super().__call__(event)
        count_rows(self._source, event)


async def path_lags(settings: KafkaSettings) -> PathLags:
    """Return how many messages wait in each partition of a chunk's path."""
    return await partition_lags(settings, PATH)


def pipeline_relay(postgres: Postgres, broker: Broker, settings: ChunkRelaySettings, *, service: str) -> Relay:
    """Return a relay of the import's events and chunks. api and finalizer each run one: either may be away."""
    window = Window(alone=settings.window_alone, shared=settings.window_shared)
    sources = (EventOutbox(), ChunkOutbox(window, service=service))
    return Relay(postgres, broker, service=service, sources=sources, poll_seconds=settings.relay_poll_seconds)
