"""However many dead letters there are, the commands keep no more of them than their headers; chunks need no letter."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from libs.common.settings import PostgresSettings
from libs.common.stores.postgres import Postgres
from libs.common.topics import DeadLetters
from libs.contracts.lead_import.acceptance import acceptance_number
from libs.contracts.lead_import.internal.topics import DEAD_LETTERS
from services.operator.domain import chunks_and_others, newest
from services.operator.letters import Letters, republish
from services.operator.store import Store
from tests.support.command_line import leadflow
from tests.support.imports import ACCEPTED_AT, insert_import
from tests.support.kafka import Kafka, unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.stack import ROOT, Addresses

MANY = 240
LETTER_BYTES = 500_000
MOST_MORE_KB = 40_000
"""Of memory, beside what the command takes with an empty topic: the letters are 120 MB."""


@pytest_asyncio.fixture(scope="module")
async def letters(kafka: Kafka) -> AsyncIterator[DeadLetters]:
    """Many large letters over three partitions: all but one of a chunk each, and one stranger."""
    found = replace(DEAD_LETTERS, topic=unique("letters"))
    await kafka.create(found.topic, partitions=3)
    body = os.urandom(LETTER_BYTES)
    for number in range(MANY):
        chunk = f"7:{number}:{acceptance_number(ACCEPTED_AT)}".encode()
        headers = [("x-original-topic", b"lead.import-chunk-tagged.v1"), ("x-chunk", chunk)]
        await kafka.send(found.topic, body, key=b"7", headers=headers, partition=number % 3)
    yield found


@pytest_asyncio.fixture
async def stranger(kafka: Kafka, letters: DeadLetters) -> str:
    """The topic that a letter came from which is no chunk's."""
    topic = unique("news")
    await kafka.create(topic)
    headers = [("x-original-topic", topic.encode()), ("x-original-key", b"5"), ("x-original-header-ce_id", b"abc")]
    await kafka.send(letters.topic, b"hello", headers=headers, partition=1)
    return topic


_MEASURED = """
import asyncio, resource, sys
from libs.common.settings import KafkaSettings
from libs.contracts.lead_import.internal.topics import DEAD_LETTERS
from dataclasses import replace
from services.operator.domain import chunks_and_others, newest
from services.operator.letters import Letters

async def read(topic):
    async with Letters.opened(KafkaSettings(), replace(DEAD_LETTERS, topic=topic)) as letters:
        found, count = await newest(letters.all(), 1000)
        chosen = [(letter.position, letter.piece) async for letter in letters.all()]
    return count, len(chunks_and_others(chosen)[0])

print(*asyncio.run(read(sys.argv[1])), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


async def measured(kafka: Kafka, topic: str) -> tuple[int, int, int]:
    """Return letters, chunks and the peak of memory (KB) of a process that reads all letters twice."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _MEASURED,
        topic,
        cwd=ROOT,
        env=os.environ | {"LEADFLOW_KAFKA_BOOTSTRAP": kafka.settings.kafka_bootstrap},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 120)
    letters, chunks, kilobytes = map(int, said.split())
    return letters, chunks, kilobytes


async def test_many_large_letters_are_read_within_a_bound_of_memory(kafka: Kafka, letters: DeadLetters) -> None:
    empty = unique("empty")
    await kafka.create(empty, partitions=3)
    _, _, least = await measured(kafka, empty)
    count, chunks, most = await measured(kafka, letters.topic)
    assert (count, chunks) == (MANY, MANY)
    assert most < least + MOST_MORE_KB


async def test_only_the_newest_are_kept_oldest_first(kafka: Kafka, letters: DeadLetters) -> None:
    async with Letters.opened(kafka.settings, letters) as opened:
        found, count = await newest(opened.all(), 5)
    assert count >= MANY
    assert [letter.time for letter in found] == sorted(letter.time for letter in found)
    numbers = [letter.piece[1] for letter in found if letter.piece]
    assert numbers == sorted(numbers)
    assert numbers[0] >= MANY - 5


@pytest.mark.parametrize("position", ["0:999999", "9:0", "0:-1", "0:", "x", "0:1:2"])
async def test_where_no_letter_is_none_is_found(kafka: Kafka, letters: DeadLetters, position: str) -> None:
    async with Letters.opened(kafka.settings, letters) as opened:
        assert await opened.at(position) is None
        assert await opened.at("0:1") is not None


async def test_what_is_no_chunks_goes_to_its_topic_as_it_was_and_chunks_do_not(
    kafka: Kafka, letters: DeadLetters, stranger: str
) -> None:
    async with Letters.opened(kafka.settings, letters) as opened:
        chosen = [(letter.position, letter.piece) async for letter in opened.all() if letter.original_topic == stranger]
    chunks, others = chunks_and_others(chosen)
    assert (chunks, len(others)) == ([], 1)
    assert await republish(kafka.settings, letters, others) == 1
    (record,) = await kafka.records(stranger)
    assert (record.key, record.value, record.headers) == (b"5", b"hello", (("ce_id", b"abc"),))


async def test_an_import_is_replayed_when_its_letters_are_gone(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant
) -> None:
    """Kafka holds dead letters for 14 days; the chunks' payloads are in PostgreSQL until they are settled well."""
    import_id = await insert_import(postgres, tenant, row_counts=[1, 1, 1], name=unique("n"))
    for index in (0, 2):
        await pipeline.dead_letter((import_id, index))
    operator = Store(postgres)
    assert await operator.reopen_import(import_id) == [(import_id, 0), (import_id, 2)]
    assert await operator.reopen_import(import_id) == []
    assert await operator.reopen_import(2**31 - 1) == []


async def test_an_import_that_was_taken_back_is_left_alone_and_it_is_said_why(
    pipeline: Pipeline,
    postgres: Postgres,
    tenant: Tenant,
    db: Stored,
    servers: Addresses,
    stores: tuple[PostgresSettings, object],
) -> None:
    import_id = await insert_import(postgres, tenant, row_counts=[1], name=unique("n"))
    await pipeline.dead_letter((import_id, 0))
    undone = "INSERT INTO amigocare.lead_import_undos (import_id, requester_id, total) VALUES (:i, :u, 0)"
    await db.execute(undone, i=import_id, u=tenant.user_id)
    url = stores[0].postgres_url.get_secret_value()
    words = ("dead-letters", "replay", "--import", str(import_id))
    code, said = await leadflow(*words, servers=servers, postgres_url=url)
    assert code == 0, said
    assert said.startswith(f"No chunk of import {import_id} can be replayed: ")
    assert "taken back" in said
