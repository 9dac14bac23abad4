"""Wires finalizer: ``python -m services.finalizer.main``."""

from functools import partial

from faststream.kafka import KafkaMessage

from libs.common.chunk_outbox import Window
from libs.common.events.chunk import ChunkCreated
from libs.common.events.topics import CHUNK_CREATED, DEAD_LETTER
from libs.common.kafka.broker import subscribe, subscribe_raw, utc_now
from libs.common.kafka.dead_letter import DeadLetter, read_dead_letter
from libs.common.kafka.lag import pipeline_lag
from libs.common.kafka.service import Service
from libs.common.postgres import Postgres
from libs.common.relay import Relay
from services.finalizer import handlers
from services.finalizer.settings import Settings
from services.finalizer.store import Store
from services.finalizer.watchdog import Watchdog

NAME = "finalizer"
DEAD_LETTER_GROUP = "finalizer-dead-letters"


async def decode_dead_letter(message: KafkaMessage) -> DeadLetter:
    return read_dead_letter(message.raw_message)


def build(settings: Settings) -> Service:
    service = Service(NAME, settings)
    postgres = Postgres(settings, application_name=NAME)
    service.closes(postgres.close)
    store = Store(postgres, clock=utc_now)
    window = Window(alone=settings.window_alone, shared=settings.window_shared)
    relay = Relay(postgres, service.broker, service=NAME, window=window, poll_seconds=settings.relay_poll_seconds)
    watchdog = Watchdog(
        store,
        lag=partial(pipeline_lag, settings),
        wake_relay=relay.wake,
        watch_seconds=settings.watch_seconds,
        resend_after_seconds=settings.resend_after_seconds,
    )
    service.runs(relay, watchdog)

    @subscribe(service.broker, CHUNK_CREATED, group=NAME, settings=settings)
    async def on_chunk_created(chunk: ChunkCreated) -> None:
        await handlers.settle_chunk(chunk, store=store, wake_relay=relay.wake)

    @subscribe_raw(service.broker, DEAD_LETTER, group=DEAD_LETTER_GROUP, settings=settings, decoder=decode_dead_letter)
    async def on_dead_letter(letter: DeadLetter) -> None:
        await handlers.settle_dead_letter(letter, store=store, wake_relay=relay.wake)

    return service


if __name__ == "__main__":
    build(Settings()).run()
