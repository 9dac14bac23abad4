"""Wires tagger: ``python -m services.tagger.main``."""

from libs.common.kafka.subscribing import subscribe
from libs.common.process.consumer import ConsumerService
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkDeduplicated
from libs.contracts.lead_import.internal.topics import CHUNK_DEDUPLICATED, CHUNK_TAGGED
from libs.imports.pipeline import ChunkPublisher, pipeline_service
from services.tagger import handlers
from services.tagger.settings import Settings
from services.tagger.store import Store

NAME = "tagger"


def build(settings: Settings) -> ConsumerService:
    service = pipeline_service(NAME, settings)
    postgres = Postgres(settings, application_name=NAME)
    service.holds(postgres)
    store = Store(postgres)
    publish = ChunkPublisher(service.broker, CHUNK_TAGGED, source=NAME)

    @subscribe(service.broker, CHUNK_DEDUPLICATED, group=NAME, begins="beginning", settings=settings)
    async def on_chunk_deduplicated(chunk: ChunkDeduplicated) -> None:
        await handlers.tag_chunk(chunk, store=store, publish=publish)

    return service


if __name__ == "__main__":
    build(Settings()).run()
