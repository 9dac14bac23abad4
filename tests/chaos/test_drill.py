"""Losing PostgreSQL or MongoDB, and what a backup brings back: ``make drill`` prints its figures.

The real dump of PostgreSQL is taken while an import is half done; what comes after it is lost, and named by import.
What was told before is all there in the end, and ids that were given after the backup are not given again.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from typer.testing import CliRunner

from deploy.local.postgres import BINARIES
from libs.common.clock import utc_now
from libs.common.kafka.admin import ensure_topics
from libs.common.settings import KafkaSettings, MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.events import ImportAccepted
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.contracts.lead_import.topics import IMPORT_ACCEPTED
from libs.contracts.registry import registries
from libs.imports.chats import chats_of
from services.operator.main import app
from tests.chaos.cases import full_only
from tests.support.chunks import new_phones
from tests.support.databases import make_databases, make_postgres
from tests.support.imports import accepted_chunk, insert_import, live_rows
from tests.support.kafka import Kafka, kafka_of, unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant, create_tenant
from tests.support.readers import Stored
from tests.support.stack import Addresses

pytestmark = full_only

NAME = "leadflow_drill"
ROWS = 200


@dataclass(slots=True)
class Drill:
    """Databases of the drill's own, and a company in them."""

    servers: Addresses
    settings: tuple[PostgresSettings, MongoSettings]
    kafka: Kafka
    postgres: Postgres
    mongo: Mongo
    tenant: Tenant

    @property
    def pipeline(self) -> Pipeline:
        return Pipeline(self.postgres, self.mongo)

    @property
    def db(self) -> Stored:
        return Stored(self.postgres.engine, chats_of(self.mongo))

    async def accept(self) -> ChunkAccepted:
        """Accept an import and tell Kafka's readers of it."""
        at = utc_now()
        made = await insert_import(self.postgres, self.tenant, row_counts=[ROWS], name=unique("n"), accepted_at=at)
        chunk = accepted_chunk(self.tenant, made, live_rows(new_phones(ROWS)), accepted_at=at)
        await self.db.execute(
            "UPDATE amigocare.lead_import_chunks SET payload = :p WHERE import_id = :i",
            p=chunk.model_dump_json().encode(),
            i=made,
        )
        event = ImportAccepted(
            import_id=made, company_id=self.tenant.company_id, account_id=self.tenant.account_id,
            source_id=self.tenant.source_id, creator_id=self.tenant.user_id, total_rows=ROWS, chunk_count=1,
            accepted_at=at,
        )  # fmt: skip
        await self.kafka.send(IMPORT_ACCEPTED.name, event.model_dump_json().encode(), key=str(made).encode())
        return chunk

    async def again(self, lost: ChunkAccepted) -> ChunkAccepted:
        """Upload the rows of an import that was lost, as somebody does who was told so."""
        made = await insert_import(self.postgres, self.tenant, row_counts=[ROWS], name=unique("n"))
        chunk = accepted_chunk(self.tenant, made, lost.live)
        await self.pipeline.whole(chunk)
        return chunk

    async def program(self, name: str, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(str(BINARIES / name), *arguments, stderr=asyncio.subprocess.PIPE)
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()

    async def back_up(self, file: Path) -> None:
        url = self.settings[0].postgres_url.get_secret_value()
        await self.program("pg_dump", "--format=custom", f"--file={file}", url)

    async def restore(self, file: Path) -> None:
        """Destroy the database and make it anew from the backup."""
        await self.postgres.engine.dispose()
        url = await make_postgres(self.servers, NAME)
        await self.program("pg_restore", "--exit-on-error", f"--dbname={url}", str(file))

    async def recover(self, *options: str) -> list[str]:
        environment = {
            "LEADFLOW_POSTGRES_URL": self.settings[0].postgres_url.get_secret_value(),
            "LEADFLOW_MONGO_URL": self.settings[1].mongo_url.get_secret_value(),
            "LEADFLOW_KAFKA_BOOTSTRAP": self.servers.kafka_bootstrap,
        }
        done = await asyncio.to_thread(CliRunner().invoke, app, ["recover", *options], env=environment)
        assert done.exit_code == 0, done.output
        return done.output.splitlines()

    async def totals(self, chunk: ChunkAccepted) -> tuple[int, int, int, int]:
        (row,) = await self.db.rows(
            "SELECT total_created, total_existing, total_errors, revision FROM amigocare.lead_imports"
            " WHERE id = :i AND created_at = :at",
            i=chunk.import_id,
            at=chunk.accepted_at,
        )
        return row["total_created"], row["total_existing"], row["total_errors"], row["revision"]


@pytest_asyncio.fixture
async def drill(servers: Addresses) -> AsyncIterator[Drill]:
    settings = await make_databases(servers, NAME)
    kafka_settings = KafkaSettings(kafka_bootstrap=servers.kafka_bootstrap)
    await ensure_topics(kafka_settings, registries())
    postgres, mongo = Postgres(settings[0], application_name="tests"), Mongo(settings[1], application_name="tests")
    async with kafka_of(kafka_settings) as kafka:
        yield Drill(servers, settings, kafka, postgres, mongo, await create_tenant(postgres.engine))
    await postgres.close()
    await mongo.close()


def lost_of(told: list[str], *chunks: ChunkAccepted) -> set[int]:
    named = {int(found[1]) for line in told if (found := re.match(r"lost: import (\d+) of company", line))}
    return named & {chunk.import_id for chunk in chunks}


async def test_postgresql_is_lost_and_comes_back_as_it_was_at_its_backup(drill: Drill, tmp_path: Path) -> None:
    done, half = await drill.accept(), await drill.accept()
    await drill.pipeline.whole(done)
    backup = tmp_path / "backup"
    began = time.monotonic()
    await drill.back_up(backup)
    backed_up = time.monotonic() - began
    await drill.pipeline.whole(half)
    after = await drill.accept()
    await drill.pipeline.whole(after)
    assert (await drill.totals(half))[3] == 1

    began = time.monotonic()
    await drill.restore(backup)
    restored = time.monotonic() - began
    told = await drill.recover()
    assert lost_of(told, done, half, after) == {after.import_id}, "what came after the backup is named"
    assert f"{2 * ROWS} chats of imports have no lead; 0 of them are used and stay." in told
    assert "Nothing was changed" in told[-1]
    began = time.monotonic()
    await drill.recover("--yes")
    recovered = time.monotonic() - began
    assert "0 chats of imports have no lead; 0 of them are used and stay." in await drill.recover("--yes")

    await drill.pipeline.whole(half)
    assert await drill.totals(done) == (ROWS, 0, 0, 1)
    assert await drill.totals(half) == (ROWS, 0, 0, 2), "its end is told anew: the first one may have been another"
    again = await drill.again(after)
    assert again.import_id > after.import_id, "an id that was given after the backup is not given again"
    assert await drill.totals(again) == (ROWS, 0, 0, 1), "no chat of the lost import stands in its way"
    assert await drill.db.consistent(drill.tenant.company_id) == 3 * ROWS
    print(  # noqa: T201 - the drill's figures
        f"\nPostgreSQL: backup {backed_up:.1f} s ({len(backup.read_bytes()):,} bytes), restore {restored:.1f} s,"
        f" recover {recovered:.1f} s; imports: 2 of 2 from before the backup are whole, 1 of 1 from after it is named"
    )


async def test_mongodb_is_lost_and_its_chats_are_made_from_the_leads(drill: Drill) -> None:
    first, second = await drill.accept(), await drill.accept()
    await drill.pipeline.whole(first)
    backup = await chats_of(drill.mongo).find().to_list()
    await drill.pipeline.whole(second)
    before = {str(chat["_id"]): chat["contact_cellphone"] for chat in await chats_of(drill.mongo).find().to_list()}
    await drill.mongo.client.drop_database(NAME)
    await chats_of(drill.mongo).insert_many(backup)
    assert f"{ROWS} leads have no chat." in await drill.recover()
    began = time.monotonic()
    await drill.recover("--yes")
    recovered = time.monotonic() - began
    assert "0 leads have no chat." in await drill.recover("--yes")
    after = {str(chat["_id"]): chat["contact_cellphone"] for chat in await chats_of(drill.mongo).find().to_list()}
    assert after == before
    assert await drill.db.consistent(drill.tenant.company_id) == 2 * ROWS
    print(f"\nMongoDB: {ROWS} of {ROWS} chats from after the backup made anew in {recovered:.1f} s")  # noqa: T201
