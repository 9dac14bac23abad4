"""Wires api: ``python -m services.api.main``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from faststream.kafka import KafkaMessage

from libs.common.auth import TokenReader
from libs.common.clock import utc_now
from libs.common.connections import BoundedHttp
from libs.common.health import health_routes
from libs.common.kafka.broker import create_broker, stop_broker
from libs.common.kafka.subscribing import broadcast
from libs.common.process.garbage import collect_rarely
from libs.common.process.logs import configure_logging
from libs.common.process.traces import configure_tracing
from libs.common.stores.postgres import Postgres
from libs.common.version import VERSION
from libs.contracts.lead_import.internal.topics import CHUNK_CREATED
from libs.contracts.lead_import.topics import IMPORT_FINISHED
from libs.imports.partitions import SpreadChunks
from libs.imports.pipeline import pipeline_relay
from services.api.accept import Acceptor
from services.api.answers import install_error_handlers
from services.api.deps import Deps
from services.api.domain.job import Limits
from services.api.domain.quota import Quota
from services.api.health import ApiHealth
from services.api.live import Live
from services.api.parsing import ParserPool
from services.api.references import ReferenceCache
from services.api.routes import router
from services.api.settings import Settings
from services.api.store import Store
from services.api.streams import Streams
from services.api.upload import UploadSlots, forget_uploads_of_the_dead

NAME = "api"
KEEP_ALIVE_SECONDS = 75
"""Longer than load balancers keep an idle connection (60 s): who closes first must be the one
that sends, or a request meets a connection that is being closed and is answered by a reset.
"""


def build(settings: Settings) -> FastAPI:
    configure_logging(settings, service=NAME)
    configure_tracing(settings, service=NAME)
    postgres = Postgres(settings, application_name=NAME)
    broker = create_broker(settings, service=NAME, partitioner=SpreadChunks())
    relay = pipeline_relay(postgres, broker, settings, service=NAME)
    parsers = ParserPool(size=settings.parse_processes, max_waiting=settings.parse_queue)
    cache = ReferenceCache(settings.reference_cache_seconds)
    live, store, tokens = Live(), Store(postgres), TokenReader(settings)
    acceptor = Acceptor(
        store=store,
        parsers=parsers,
        cache=cache,
        limits=Limits(max_rows=settings.max_rows_per_file, seconds=settings.parse_seconds),
        chunk_rows=settings.chunk_rows,
        quota=Quota(rows=settings.quota_rows, imports=settings.quota_imports),
        clock=utc_now,
        wake_relay=relay.wake,
    )
    health = ApiHealth(store)

    @broadcast(broker, CHUNK_CREATED.name)
    async def on_chunk_created(message: KafkaMessage) -> None:
        live.notify(import_id_of(message))

    @broadcast(broker, IMPORT_FINISHED.name)
    async def on_import_finished(message: KafkaMessage) -> None:
        cache.drop(IMPORT_FINISHED.event.model_validate_json(message.body).company_id)
        live.notify(import_id_of(message), ended=True)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        forget_uploads_of_the_dead()
        await parsers.start()
        await broker.start()
        relaying = asyncio.create_task(relay.run(), name="relay")
        collect_rarely()
        try:
            yield
        finally:
            relay.stop()
            await relaying
            await stop_broker(broker)
            await parsers.stop()
            await postgres.close()

    app = FastAPI(
        title="Leadflow",
        version=VERSION,
        lifespan=lifespan,
        description="Imports spreadsheets of leads into the CRM.",
        # A span a request is enough, five cost more than the answer; a log of an error would quote its rows.
        telemetry={"operation_spans": False, "metrics": False, "logs": False},
    )
    app.state.deps = Deps(
        store=store,
        acceptor=acceptor,
        streams=Streams(store.get_import, live),
        read_token=tokens.read,
        uploads=UploadSlots(settings.uploads_at_once),
        upload_seconds=settings.upload_seconds,
    )
    app.include_router(router)
    app.router.routes.extend(health_routes(health.stuck))
    install_error_handlers(app)
    return app


def import_id_of(message: KafkaMessage) -> int:
    """Return the key of the record: the chunk itself is not decoded for a progress bar."""
    return int(message.raw_message.key)  # type: ignore[union-attr]  # never a batch


if __name__ == "__main__":
    configured = Settings()
    uvicorn.run(
        build(configured),
        http=BoundedHttp,
        host=configured.http_host,
        port=configured.http_port,
        log_config=None,
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=20,
    )
