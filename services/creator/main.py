"""Wires creator: ``python -m services.creator.main``."""

from libs.common.clock import utc_now
from libs.common.kafka.subscribing import subscribe
from libs.common.process.consumer import ConsumerService
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkTagged
from libs.contracts.lead_import.internal.topics import CHUNK_CREATED, CHUNK_TAGGED
from libs.imports.pipeline import ChunkPublisher, pipeline_service
from services.creator import handlers
from services.creator.portions import Asking
from services.creator.settings import Settings
from services.creator.store import Store
from services.creator.whatsapp import WhatsApp

NAME = "creator"


def build(settings: Settings) -> ConsumerService:
    service = pipeline_service(NAME, settings)
    postgres = Postgres(settings, application_name=NAME)
    mongo = Mongo(settings, application_name=NAME)
    service.holds(postgres, mongo)
    store = Store(postgres, mongo)
    asking: Asking | None = None
    if settings.whatsapp_enabled:
        whatsapp = WhatsApp(settings, stopping=lambda: service.delivery.is_stopping)
        service.closes(whatsapp.close)
        asking = Asking(whatsapp, store, attempts=settings.whatsapp_attempts)
    publish = ChunkPublisher(service.broker, CHUNK_CREATED, source=NAME)

    @subscribe(
        service.broker,
        CHUNK_TAGGED,
        group=NAME,
        begins="beginning",
        settings=settings,
        consumers=settings.creator_consumers,
    )
    async def on_chunk_tagged(chunk: ChunkTagged) -> None:
        await handlers.create_leads(chunk, store=store, asking=asking, publish=publish, clock=utc_now)

    return service


if __name__ == "__main__":
    build(Settings()).run()
