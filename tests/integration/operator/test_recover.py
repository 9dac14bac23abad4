"""``leadflow recover``: what Kafka holds is not believed after a restore, and what was under way is sent anew."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio
from aiokafka import AIOKafkaConsumer
from typer.testing import CliRunner

from libs.common.kafka.admin import ensure_topics
from libs.common.settings import KafkaSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.topics import CHUNK_CREATED
from libs.contracts.lead_import.topics import IMPORT_FINISHED
from libs.contracts.registry import registries
from libs.imports.chats import chats_of
from services.operator.main import app
from tests.support.databases import make_databases
from tests.support.imports import accepted_chunk, insert_import, live_rows
from tests.support.kafka import Kafka, unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant, create_tenant
from tests.support.readers import Stored
from tests.support.stack import Addresses
from tests.support.user import new_phones

ROWS = 3


@dataclass(slots=True)
class Restored:
    """Databases of a test's own, and topics with a name of their own before each."""

    kafka: Kafka
    prefix: str
    postgres: Postgres
    mongo: Mongo
    tenant: Tenant
    environment: dict[str, str]

    @property
    def db(self) -> Stored:
        return Stored(self.postgres.engine, chats_of(self.mongo))

    async def under_way(self) -> int:
        """Return an import whose only chunk was sent, and whose last message waits for the finalizer."""
        import_id = await insert_import(self.postgres, self.tenant, row_counts=[ROWS], name=unique("n"))
        chunk = accepted_chunk(self.tenant, import_id, live_rows(new_phones(ROWS)))
        created = await Pipeline(self.postgres, self.mongo).until_created(chunk)
        await self.db.execute(
            "UPDATE amigocare.lead_import_chunks SET sent_at = now() WHERE import_id = :i", i=import_id
        )
        await self.kafka.send(self.prefix + CHUNK_CREATED.name, created.model_dump_json().encode())
        return import_id

    async def recover(self, *options: str) -> Any:
        return await asyncio.to_thread(CliRunner().invoke, app, ["recover", *options], env=self.environment)

    async def sent(self, import_id: int) -> bool:
        asked = "SELECT sent_at IS NOT NULL FROM amigocare.lead_import_chunks WHERE import_id = :i"
        return bool(await self.db.value(asked, i=import_id))


@pytest_asyncio.fixture
async def restored(servers: Addresses, kafka: Kafka) -> AsyncIterator[Restored]:
    prefix = f"{unique('restored')}."
    settings = await make_databases(servers, "leadflow_recover")
    await ensure_topics(
        KafkaSettings(kafka_bootstrap=servers.kafka_bootstrap, kafka_topic_prefix=prefix, topic_partitions=2),
        registries(),
    )
    postgres, mongo = Postgres(settings[0], application_name="tests"), Mongo(settings[1], application_name="tests")
    environment = {
        "LEADFLOW_POSTGRES_URL": settings[0].postgres_url.get_secret_value(),
        "LEADFLOW_MONGO_URL": settings[1].mongo_url.get_secret_value(),
        "LEADFLOW_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
        "LEADFLOW_KAFKA_TOPIC_PREFIX": prefix,
    }
    try:
        yield Restored(kafka, prefix, postgres, mongo, await create_tenant(postgres.engine), environment)
    finally:
        await postgres.close()
        await mongo.close()


async def test_what_kafka_holds_of_chunks_is_skipped_and_they_are_sent_anew(restored: Restored) -> None:
    """Believed, the message would count leads that the restored database does not have."""
    import_id = await restored.under_way()
    told = await restored.recover()
    assert "\n1 messages wait in Kafka; 1 chunks were sent and have not ended." in told.output
    assert await restored.sent(import_id), "without --yes nothing changes"
    done = await restored.recover("--yes")
    assert done.exit_code == 0, done.output
    assert not await restored.sent(import_id)
    again = await restored.recover("--yes")
    assert "\n0 messages wait in Kafka; 0 chunks were sent and have not ended." in again.output


async def test_chats_of_an_import_in_progress_are_made_too(restored: Restored) -> None:
    """A chunk that has ended is not sent again: nobody else would make them."""
    await restored.under_way()
    await chats_of(restored.mongo).delete_many({})
    assert f"\n{ROWS} leads have no chat." in (await restored.recover("--yes")).output
    assert await restored.db.consistent(restored.tenant.company_id) == ROWS


async def test_nothing_is_done_while_a_stage_runs(restored: Restored) -> None:
    import_id = await restored.under_way()
    member = AIOKafkaConsumer(
        restored.prefix + CHUNK_CREATED.name,
        bootstrap_servers=restored.environment["LEADFLOW_KAFKA_BOOTSTRAP"],
        group_id=f"{restored.prefix}finalizer",
        enable_auto_commit=False,
    )
    await member.start()
    try:
        told = await restored.recover("--yes")
    finally:
        await member.stop()
    assert told.exit_code == 1
    assert "finalizer still runs: stop the services first." in told.output
    assert await restored.sent(import_id)


async def test_ends_are_told_again_with_the_next_revision(restored: Restored) -> None:
    import_id = await insert_import(restored.postgres, restored.tenant, row_counts=[ROWS], name=unique("n"))
    await Pipeline(restored.postgres, restored.mongo).whole(
        accepted_chunk(restored.tenant, import_id, live_rows(new_phones(ROWS)))
    )
    await restored.db.execute("DELETE FROM amigocare.outbox")
    told = await restored.recover("--yes", "--tell-ends", "1")
    assert "\n1 imports tell again how they ended, with another revision." in told.output
    (event,) = await restored.db.rows("SELECT topic, key, payload FROM amigocare.outbox")
    found = IMPORT_FINISHED.event.model_validate_json(event["payload"])
    assert (event["topic"], event["key"]) == (IMPORT_FINISHED.name, str(import_id))
    assert (found.import_id, found.revision, found.total_created) == (import_id, 2, ROWS)
