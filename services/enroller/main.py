"""Wires enroller: ``python -m services.enroller.main``."""

from libs.common.kafka.publishing import Publisher
from libs.common.kafka.subscribing import subscribe
from libs.common.process.consumer import ConsumerService
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkCreated
from libs.contracts.lead_import.internal.topics import CHUNK_CREATED
from libs.contracts.leads.internal.topics import ENROLL_LETTERS
from libs.contracts.leads.topics import LEAD_CREATED
from services.enroller import handlers
from services.enroller.settings import Settings
from services.enroller.store import Store

NAME = "enroller"


def build(settings: Settings) -> ConsumerService:
    service = ConsumerService(NAME, settings, dead_letters=ENROLL_LETTERS)
    postgres = Postgres(settings, application_name=NAME)
    service.holds(postgres)
    store = Store(postgres)
    publish = Publisher(service.broker, LEAD_CREATED, source=NAME)

    @subscribe(service.broker, CHUNK_CREATED, group=NAME, begins="beginning", settings=settings)
    async def on_chunk_created(chunk: ChunkCreated) -> None:
        await handlers.enroll_chunk(chunk, store=store, publish=publish.all)

    return service


if __name__ == "__main__":
    build(Settings()).run()
