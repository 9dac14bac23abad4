"""Wires undoer: ``python -m services.undoer.main``."""

import time

from libs.common.clock import utc_now
from libs.common.kafka.subscribing import subscribe
from libs.common.process.consumer import ConsumerService
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.topics import UNDO_REQUESTED
from libs.contracts.lead_import.internal.undoing import UndoRequested
from libs.imports.pipeline import pipeline_service
from services.undoer import handlers
from services.undoer.settings import Settings
from services.undoer.store import Store

NAME = "undoer"


def build(settings: Settings) -> ConsumerService:
    service = pipeline_service(NAME, settings)
    postgres = Postgres(settings, application_name=NAME)
    mongo = Mongo(settings, application_name=NAME)
    service.holds(postgres, mongo)
    store = Store(postgres, mongo, clock=utc_now)

    @subscribe(service.broker, UNDO_REQUESTED, group=NAME, begins="beginning", settings=settings)
    async def on_undo_requested(request: UndoRequested) -> None:
        await handlers.undo_import(
            request, store=store, stopping=lambda: service.delivery.is_stopping, monotonic=time.monotonic
        )

    return service


if __name__ == "__main__":
    build(Settings()).run()
