"""The services of the import as processes: what they have in common, and which of them explain a chunk's silence."""

from libs.common.kafka.broker import Broker
from libs.common.kafka.lag import group_lags
from libs.common.outbox.event_outbox import EventOutbox
from libs.common.outbox.relay import Relay
from libs.common.process.consumer import ConsumerService
from libs.common.settings import KafkaSettings, ServiceSettings
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.topics import DEAD_LETTERS
from libs.contracts.lead_import.registry import REGISTRY
from libs.imports.chunk_outbox import ChunkOutbox
from libs.imports.chunk_states import Window
from libs.imports.partitions import SpreadChunks
from libs.imports.settings import ChunkRelaySettings

PIPELINE = ("dedup", "tagger", "creator", "finalizer")
"""The consumer groups that a chunk passes, each named as its service: their lag explains why a chunk is unsettled."""


def pipeline_service(name: str, settings: ServiceSettings) -> ConsumerService:
    """Return a stage of the import: its chunks are dealt out to partitions, its dead letters end their imports."""
    return ConsumerService(name, settings, dead_letters=DEAD_LETTERS, partitioner=SpreadChunks())


async def pipeline_lag(settings: KafkaSettings) -> int:
    """Return the number of messages that the pipeline's groups have not committed, over all their topics."""
    return sum((await group_lags(settings, [REGISTRY], PIPELINE)).values())


def pipeline_relay(postgres: Postgres, broker: Broker, settings: ChunkRelaySettings, *, service: str) -> Relay:
    """Return a relay of the import's events and chunks. api and finalizer each run one: either may be away."""
    window = Window(alone=settings.window_alone, shared=settings.window_shared)
    sources = (EventOutbox(), ChunkOutbox(window, service=service))
    return Relay(postgres, broker, service=service, sources=sources, poll_seconds=settings.relay_poll_seconds)
