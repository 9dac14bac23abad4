"""Wires dedup: ``python -m services.dedup.main``."""

from libs.common.kafka.subscribing import subscribe
from libs.common.process.consumer import ConsumerService
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED, CHUNK_DEDUPLICATED
from libs.imports.pipeline import ChunkPublisher, pipeline_service
from services.dedup import handlers
from services.dedup.settings import Settings
from services.dedup.store import Store

NAME = "dedup"


def build(settings: Settings) -> ConsumerService:
    service = pipeline_service(NAME, settings)
    postgres = Postgres(settings, application_name=NAME)
    mongo = Mongo(settings, application_name=NAME)
    service.holds(postgres, mongo)
    store = Store(postgres, mongo)
    publish = ChunkPublisher(service.broker, CHUNK_DEDUPLICATED, source=NAME)

    @subscribe(service.broker, CHUNK_ACCEPTED, group=NAME, begins="beginning", settings=settings)
    async def on_chunk_accepted(chunk: ChunkAccepted) -> None:
        await handlers.settle_existing(chunk, store=store, publish=publish)

    return service


if __name__ == "__main__":
    build(Settings()).run()
