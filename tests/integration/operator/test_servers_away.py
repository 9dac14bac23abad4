"""A server that is away is said in one line that names it; what the others know is shown all the same."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from libs.common.settings import PostgresSettings
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.topics import DEAD_LETTERS
from tests.support.command_line import leadflow
from tests.support.imports import insert_import
from tests.support.kafka import Kafka, unique
from tests.support.platform import Tenant
from tests.support.ports import free_port
from tests.support.stack import Addresses

PASSWORD = "not-for-any-terminal"


@pytest.fixture
def nowhere() -> str:
    """An address where nobody listens."""
    return f"127.0.0.1:{free_port()}"


@pytest_asyncio.fixture(params=["refuses", "says nothing"])
async def away(request: pytest.FixtureRequest, nowhere: str) -> AsyncIterator[str]:
    """An address that refuses connections, and one that takes them and is silent, as a server whose disk hangs."""
    if request.param == "refuses":
        yield nowhere
        return

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


def one_line(said: str, place: str) -> None:
    (line,) = said.splitlines()
    assert re.match(rf"{place} has not answered since \d\d:\d\d:\d\d UTC \(\d+\.\d s; [\w\[].*\)\. ", line), line
    assert PASSWORD not in said


async def timed(*words: str, servers: Addresses, postgres_url: str) -> tuple[float, int, str]:
    """Run a command; return how many seconds it took, its exit code and what it said."""
    began = time.monotonic()
    code, said = await leadflow(*words, servers=servers, postgres_url=postgres_url)
    return time.monotonic() - began, code, said


async def test_an_import_is_inspected_within_five_seconds_without_kafka(
    away: str,
    servers: Addresses,
    stores: tuple[PostgresSettings, object],
    postgres: Postgres,
    tenant: Tenant,
) -> None:
    import_id = await insert_import(postgres, tenant, row_counts=[3, 4], name=unique("n"))
    url = stores[0].postgres_url.get_secret_value()
    without = replace(servers, kafka_bootstrap=away)
    # The same command beside it, with a Kafka that answers: what the machine's load costs, it costs both.
    (with_kafka, *answered), (seconds, code, said) = await asyncio.gather(
        *(timed("imports", "inspect", str(import_id), servers=each, postgres_url=url) for each in (servers, without))
    )
    assert answered[0] == 0, answered
    assert seconds < 5 + 1.5 * with_kafka
    assert code == 0, said
    assert "total_rows: 7" in said
    assert "waiting" in said
    last = said.splitlines()[-1]
    unknown = rf"lag unknown: Kafka at {re.escape(away)} has not answered since [\d:]+ UTC \((\d+\.\d) s; "
    asked = re.match(unknown, last)
    assert asked, said
    assert float(asked[1]) <= 5
    assert not re.search("Unclosed|Unable connect|Traceback|Error sending", said), said


async def test_dead_letters_without_kafka_say_so_in_one_line(servers: Addresses, nowhere: str) -> None:
    code, said = await leadflow(
        "dead-letters", "list", servers=replace(servers, kafka_bootstrap=nowhere), postgres_url=servers.postgres_url
    )
    assert code == 1
    one_line(said, f"Kafka at {nowhere}")


async def test_dead_letters_are_listed_without_postgresql(servers: Addresses, kafka: Kafka, nowhere: str) -> None:
    prefix = unique("letters") + "."
    topic = prefix + DEAD_LETTERS.topic
    await kafka.create(topic)
    headers = [("x-original-topic", b"lead.import-chunk-tagged.v1"), ("x-chunk", b"7:3:1")]
    await kafka.send(topic, b"hello", key=b"7", headers=headers)
    code, said = await leadflow(
        *("dead-letters", "list"),
        servers=servers,
        postgres_url=f"postgresql://someone:{PASSWORD}@{nowhere}/leadflow",
        LEADFLOW_KAFKA_TOPIC_PREFIX=prefix,
    )
    assert code == 0, said
    assert re.search(r"│ 7:3 +│ unknown +│ lead\.import-chunk-tagged\.v1 +│", said), said
    assert said.splitlines()[-1].startswith(f"now unknown: PostgreSQL at {nowhere} has not answered since ")
    assert PASSWORD not in said


async def test_without_postgresql_the_address_is_said_and_not_the_password(servers: Addresses, nowhere: str) -> None:
    url = f"postgresql://someone:{PASSWORD}@{nowhere}/leadflow"
    code, said = await leadflow("chunks", servers=servers, postgres_url=url)
    assert code == 1
    one_line(said, f"PostgreSQL at {nowhere}")


async def test_a_migration_without_mongodb_says_so_soon(
    servers: Addresses, stores: tuple[PostgresSettings, object], nowhere: str
) -> None:
    began = time.monotonic()
    code, said = await leadflow(
        "migrate",
        servers=replace(servers, mongo_url=f"mongodb://someone:{PASSWORD}@{nowhere}/leadflow"),
        postgres_url=stores[0].postgres_url.get_secret_value(),
    )
    assert code == 1
    assert time.monotonic() - began < 25
    one_line(said, f"MongoDB at {nowhere}")
