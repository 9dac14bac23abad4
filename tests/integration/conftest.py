"""The real servers as the tests of stores and handlers use them, with databases where no service runs."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from libs.common.kafka.admin import ensure_topics
from libs.common.settings import KafkaSettings, MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.registry import registries
from libs.imports.chats import chats_of
from tests.support.kafka import Kafka, kafka_of
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant, create_tenant
from tests.support.readers import Stored
from tests.support.stack import Addresses
from tests.support.whatsapp import Provider, whatsapp_provider


@pytest_asyncio.fixture(scope="session")
async def kafka(servers: Addresses) -> AsyncIterator[Kafka]:
    """Kafka with the registry's topics."""
    settings = KafkaSettings(
        kafka_bootstrap=servers.kafka_bootstrap,
        topic_partitions=2,
        backoff_max_seconds=0.4,
        unforeseen_seconds=1,
        bad_messages_in_a_row=4,
        bad_deploy_told_seconds=0,
        stuck_after_seconds=30,
    )
    await ensure_topics(KafkaSettings(kafka_bootstrap=servers.kafka_bootstrap), registries())
    async with kafka_of(settings) as kafka:
        yield kafka


@pytest_asyncio.fixture(scope="session")
async def crowd(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[Postgres]:
    """Connections for many transactions at once."""
    settings = stores[0].model_copy(update={"postgres_pool_size": 24})
    postgres = Postgres(settings, application_name="tests")
    yield postgres
    await postgres.close()


@pytest.fixture
def db(postgres: Postgres, mongo: Mongo) -> Stored:
    """What the stores hold, read past the code under test."""
    return Stored(postgres.engine, chats_of(mongo))


@pytest.fixture
def pipeline(crowd: Postgres, mongo: Mongo) -> Pipeline:
    return Pipeline(crowd, mongo)


@pytest_asyncio.fixture
async def other_tenant(postgres: Postgres) -> Tenant:
    return await create_tenant(postgres.engine)


@pytest_asyncio.fixture
async def quiet(db: Stored) -> None:
    """Nothing is in progress and nothing waits to be published: what earlier tests left is out of the way."""
    await db.execute(
        "UPDATE amigocare.lead_imports SET status = 'FINISHED', total_errors = total_rows WHERE status = 'PROCESSING'"
    )
    await db.execute("DELETE FROM amigocare.outbox")


@pytest_asyncio.fixture(scope="module")
async def provider_process() -> AsyncIterator[Provider]:
    """The fake WhatsApp provider."""
    async with whatsapp_provider() as provider:
        yield provider


@pytest_asyncio.fixture
async def provider(provider_process: Provider) -> Provider:
    """The fake WhatsApp provider, well-behaved whatever the last test told it."""
    await provider_process.behave()
    return provider_process
