"""Wires tagger: ``python -m services.tagger.main``."""

from libs.common.events.chunk import ChunkDeduplicated
from libs.common.events.topics import CHUNK_DEDUPLICATED, CHUNK_TAGGED
from libs.common.kafka.broker import Publisher, subscribe
from libs.common.kafka.service import Service
from libs.common.postgres import Postgres
from services.tagger import handlers
from services.tagger.settings import Settings
from services.tagger.store import Store

NAME = "tagger"


def build(settings: Settings) -> Service:
    service = Service(NAME, settings)
    postgres = Postgres(settings, application_name=NAME)
    service.closes(postgres.close)
    store = Store(postgres)
    publish = Publisher(service.broker, CHUNK_TAGGED, source=NAME)

    @subscribe(service.broker, CHUNK_DEDUPLICATED, group=NAME, settings=settings)
    async def on_chunk_deduplicated(chunk: ChunkDeduplicated) -> None:
        await handlers.tag_chunk(chunk, store=store, publish=publish)

    return service


if __name__ == "__main__":
    build(Settings()).run()
