"""Wires undoer: ``python -m services.undoer.main``."""

import time

from libs.common.clock import utc_now
from libs.common.kafka.subscribing import subscribe
from libs.common.process.consumer import ConsumerService
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_undo.internal.messages import UndoRequested
from libs.contracts.lead_undo.internal.topics import UNDO_LETTERS, UNDO_REQUESTED
from services.undoer import handlers
from services.undoer.settings import Settings
from services.undoer.store import Store

NAME = "undoer"


def build(settings: Settings) -> ConsumerService:
    service = ConsumerService(NAME, settings, dead_letters=UNDO_LETTERS)
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
