"""Wires finalizer: ``python -m services.finalizer.main``."""

from functools import partial

from faststream.kafka import KafkaMessage

from libs.common.clock import utc_now
from libs.common.kafka.dead_letter import DeadLetter, read_dead_letter
from libs.common.kafka.subscribing import subscribe, subscribe_raw
from libs.common.process.consumer import ConsumerService
from libs.common.stores.postgres import Postgres
from libs.common.stores.sequences import SequenceWatch
from libs.contracts.lead_import.internal.messages import ChunkCreated
from libs.contracts.lead_import.internal.topics import CHUNK_CREATED, DEAD_LETTERS
from libs.imports.chunk_path import DEAD_LETTER_GROUP
from libs.imports.pipeline import path_lags, pipeline_relay, pipeline_service
from services.finalizer import handlers
from services.finalizer.canceler import Canceler
from services.finalizer.overview import OverviewWatch
from services.finalizer.retention import Retention
from services.finalizer.settings import Settings
from services.finalizer.store import Store
from services.finalizer.watchdog import Watchdog

NAME = "finalizer"


async def decode_dead_letter(message: KafkaMessage) -> DeadLetter:
    return read_dead_letter(message.raw_message, DEAD_LETTERS)


def build(settings: Settings) -> ConsumerService:
    service = pipeline_service(NAME, settings)
    postgres = Postgres(settings, application_name=NAME)
    service.holds(postgres)
    store = Store(postgres, clock=utc_now)
    relay = pipeline_relay(postgres, service.broker, settings, service=NAME)
    watchdog = Watchdog(
        store,
        lags=partial(path_lags, settings),
        wake_relay=relay.wake,
        watch_seconds=settings.watch_seconds,
        resend_after_seconds=settings.resend_after_seconds,
    )
    canceler = Canceler(store, wake_relay=relay.wake, cancel_seconds=settings.cancel_seconds)
    overview = OverviewWatch(store, watch_seconds=settings.watch_seconds)
    retention = Retention(store, retention_days=settings.retention_days, sweep_seconds=settings.sweep_seconds)
    service.runs(relay, watchdog, canceler, overview, retention, SequenceWatch(postgres))

    @subscribe(service.broker, CHUNK_CREATED, group=NAME, begins="beginning", settings=settings)
    async def on_chunk_created(chunk: ChunkCreated) -> None:
        await handlers.settle_chunk(chunk, store=store, wake_relay=relay.wake)

    @subscribe_raw(
        service.broker,
        DEAD_LETTERS.topic,
        group=DEAD_LETTER_GROUP,
        begins="beginning",
        settings=settings,
        decoder=decode_dead_letter,
    )
    async def on_dead_letter(letter: DeadLetter) -> None:
        await handlers.settle_dead_letter(letter, store=store, wake_relay=relay.wake)

    return service


if __name__ == "__main__":
    build(Settings()).run()
