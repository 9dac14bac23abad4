"""Wires api: ``python -m services.api.main``."""

from faststream.kafka import KafkaMessage

from libs.common.clock import utc_now
from libs.common.kafka.subscribing import broadcast
from libs.common.process.http import HttpService
from libs.common.process.secrecy import hide_from_neighbours
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.common.web.app import App
from libs.common.web.auth import TokenReader
from libs.common.web.shares import Shares
from libs.common.web.temporary_files import forget_files_of_the_dead
from libs.contracts.asyncapi import public_events_document
from libs.contracts.lead_import.internal.topics import CHUNK_CREATED
from libs.contracts.lead_import.topics import IMPORT_FINISHED
from libs.imports.partitions import SpreadChunks
from libs.imports.pipeline import pipeline_relay
from libs.spreadsheets.limits import Limits
from services.api.accepting.acceptor import Acceptor
from services.api.accepting.domain.quota import Quota
from services.api.accepting.reference_cache import ReferenceCache
from services.api.accepting.storing_turns import StoringTurns
from services.api.ending.calls import Ending
from services.api.ending.calls import router as ending_router
from services.api.ending.store import EndingStore
from services.api.http import before_routes
from services.api.http.before_store import BeforeStore
from services.api.http.deps import Deps
from services.api.http.live import Live
from services.api.http.openapi import COMPONENTS, EXAMPLES, RESPONSES
from services.api.http.problems import PROBLEMS, TRANSLATIONS
from services.api.http.routes import router
from services.api.http.store import Store
from services.api.http.streams import Streams
from services.api.previewing.previewer import Previewer
from services.api.reading.pool import ReadingPool
from services.api.reading.turns import FairReading
from services.api.settings import Settings

NAME = "api"
DESCRIPTION = "Imports spreadsheets of leads into the CRM."


# First those whose address could be one import's: `/imports/quota` is none.
ROUTERS = (before_routes.router, ending_router, router)


def complete_document(app: App) -> None:
    """Give the OpenAPI document what its calls refer to."""
    app.components.update(COMPONENTS)
    app.examples.update(EXAMPLES)
    app.responses.update(RESPONSES)


def build(settings: Settings) -> HttpService:
    service = HttpService(
        NAME, settings, title="Leadflow", description=DESCRIPTION, problems=PROBLEMS, translations=TRANSLATIONS
    )
    postgres = Postgres(settings, application_name=NAME)
    service.holds(postgres)
    pool = ReadingPool(size=settings.parse_processes, max_waiting=settings.parse_queue)
    service.starts(pool.start, close=pool.stop)
    broker = service.connect_broker(partitioner=SpreadChunks())
    relay = pipeline_relay(postgres, broker, settings, service=NAME)
    service.runs(relay)
    cache = ReferenceCache(settings.reference_cache_seconds)
    live, store = Live(), Store(postgres)
    tokens = TokenReader(settings)
    service.runs(tokens)
    reading = FairReading(pool, size=settings.parse_processes, max_waiting=settings.parse_queue)
    limits = Limits(max_rows=settings.max_rows_per_file, seconds=settings.parse_seconds)
    quota = Quota(rows=settings.quota_rows, imports=settings.quota_imports)
    acceptor = Acceptor(
        postgres=postgres,
        pool=reading,
        cache=cache,
        limits=limits,
        chunk_rows=settings.chunk_rows,
        quota=quota,
        clock=utc_now,
        wake_relay=relay.wake,
        turns=StoringTurns(settings.postgres_pool_size),
    )
    # Not held: uploads are accepted whether MongoDB answers or not; a preview then says that it knows no forecast.
    mongo = Mongo(settings, application_name=NAME)
    service.closes(mongo.close)
    previewer = Previewer(
        postgres=postgres,
        mongo=mongo,
        pool=reading,
        limits=limits,
        chunk_rows=settings.chunk_rows,
        quota=quota,
        clock=utc_now,
        forecasts=Shares(settings.uploads_at_once),
    )
    service.app.state.deps = Deps(
        store=store,
        acceptor=acceptor,
        previewer=previewer,
        before=BeforeStore(postgres, quota),
        streams=Streams(store.get_import, live, most=settings.streams_per_user),
        read_token=tokens.read,
        uploads=Shares(settings.uploads_at_once),
        upload_seconds=settings.upload_seconds,
        reports=Shares(settings.reports_at_once),
    )
    service.app.state.ending = Ending(EndingStore(postgres, clock=utc_now), relay.wake)
    complete_document(service.app)
    service.serves(*ROUTERS, stuck=pool.stuck, events=public_events_document)

    @broadcast(broker, CHUNK_CREATED.name)
    async def on_chunk_created(message: KafkaMessage) -> None:
        live.notify(import_id_of(message))

    @broadcast(broker, IMPORT_FINISHED.name)
    async def on_import_finished(message: KafkaMessage) -> None:
        cache.drop(IMPORT_FINISHED.event.model_validate_json(message.body).company_id)
        live.notify(import_id_of(message), ended=True)

    return service


def import_id_of(message: KafkaMessage) -> int:
    """Return the key of the record: the chunk itself is not decoded for a progress bar."""
    return int(message.raw_message.key)  # type: ignore[union-attr]  # never a batch


if __name__ == "__main__":
    hide_from_neighbours()
    forget_files_of_the_dead()
    build(Settings()).run()
