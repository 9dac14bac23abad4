"""Each service starts whatever of its servers is there first, says what it waits for, and ends at once when told to."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from deploy.processes import BY_NAME, SERVICES
from libs.common.settings import MongoSettings, PostgresSettings
from tests.integration.start.conftest import OwnTopics
from tests.support.door import Door
from tests.support.own_service import OwnService, own_service
from tests.support.waiting import eventually

NAMES = {"postgres": "PostgreSQL", "mongo": "MongoDB", "kafka": "Kafka"}
READY_WITHOUT = {("api", "kafka"), ("api", "mongo"), ("leads", "mongo"), ("leads", "kafka")}


class Doors:
    """Ways to the three servers, shut until they are opened; and settings that lead through them."""

    def __init__(self, postgres: str, mongo: str, topics: OwnTopics) -> None:
        url, mongo_at = make_url(postgres), mongo.removeprefix("mongodb://").partition("/")
        self.doors = {
            "postgres": Door(url.port or 5432),
            "mongo": Door(int(mongo_at[0].rpartition(":")[2])),
            "kafka": Door(int(topics.settings["kafka_bootstrap"].rpartition(":")[2])),
        }
        there = url.set(host="127.0.0.1", port=self.doors["postgres"].port)
        self.settings = topics.settings | {
            "postgres_url": there.render_as_string(hide_password=False),
            "mongo_url": f"mongodb://127.0.0.1:{self.doors['mongo'].port}/{mongo_at[2]}",
            "kafka_bootstrap": f"127.0.0.1:{self.doors['kafka'].port}",
        }

    def place(self, server: str) -> str:
        return f"{NAMES[server]} at 127.0.0.1:{self.doors[server].port}"


@pytest_asyncio.fixture
async def doors(stores: tuple[PostgresSettings, MongoSettings], topics: OwnTopics) -> AsyncIterator[Doors]:
    doors = Doors(stores[0].postgres_url.get_secret_value(), stores[1].mongo_url.get_secret_value(), topics)
    yield doors
    for door in doors.doors.values():
        await door.shut()


def needed_at_start(name: str) -> list[str]:
    """Return the servers that a service waits for before it is ready.

    api takes uploads without Kafka, and without MongoDB, of which it asks forecasts alone. leads needs MongoDB where a
    lead is erased; its settings name Kafka as those of each service do, and its events leave by the outbox.
    """
    return [server for server in BY_NAME[name].needs if (name, server) not in READY_WITHOUT]


async def check_waits(service: OwnService, doors: Doors, opened: list[str]) -> None:
    """Check that a service is ready if what it needs is open, and else lives and names what is not."""
    awaited = [server for server in needed_at_start(service.name) if server not in opened]
    if not awaited:
        await service.until_ready()
        return
    # Kafka is asked when the stores have answered.
    stores = [server for server in awaited if server != "kafka"] or awaited
    await service.until_unready(*(doors.place(server) for server in stores), ", for ")
    live = await service.ask("/health/live")
    assert live is not None
    assert live.status_code == 200


@pytest.mark.parametrize("order", [("postgres", "mongo", "kafka"), ("kafka", "mongo", "postgres")])
async def test_each_service_starts_in_any_order_of_servers(
    doors: Doors, tmp_path: Path, order: tuple[str, ...]
) -> None:
    async with AsyncExitStack() as stack:
        services = [await stack.enter_async_context(own_service(name, tmp_path, **doors.settings)) for name in SERVICES]
        opened: list[str] = []
        for server in ("", *order):
            if server:
                await doors.doors[server].open()
                opened.append(server)
            await asyncio.gather(*(check_waits(service, doors, opened) for service in services))


@pytest.mark.parametrize("name", ["api", "creator"])
async def test_a_stop_during_the_start_works_at_once(doors: Doors, tmp_path: Path, name: str) -> None:
    async with own_service(name, tmp_path, **doors.settings) as service:
        await service.until_unready(doors.place("postgres"))
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(service.process.wait(), 20) in {0, -signal.SIGTERM}
        assert time.monotonic() - began < 5
        assert service.lines("stopped")


async def test_a_service_that_waits_prints_a_line_and_not_one_a_try(doors: Doors, tmp_path: Path) -> None:
    for server in ("postgres", "mongo"):
        await doors.doors[server].open()
    async with own_service("creator", tmp_path, **doors.settings) as service:
        await service.until_unready(doors.place("kafka"), "refused")

        async def has_waited() -> bool:
            found = re.search(r"for (\d+) s", await service.reason() or "")
            return found is not None and int(found[1]) > 12

        await eventually(has_waited, what="twelve seconds")
        lines = service.log.read_text().splitlines()
        assert len([line for line in lines if "127.0.0.1" in line and str(doors.doors["kafka"].port) in line]) <= 2
        assert len(lines) < 20
        (failing,) = [line for line in service.lines("failing") if line["what"] == doors.place("kafka")]
        assert (failing["what"], failing["level"]) == (doors.place("kafka"), "warning")
        metrics = await service.ask("/metrics")
        assert metrics is not None
        (seconds,) = [
            float(line.rpartition(" ")[2])
            for line in metrics.text.splitlines()
            if line.startswith('leadflow_failing_seconds{service="creator",what="Kafka"}')
        ]
        assert seconds >= 12
