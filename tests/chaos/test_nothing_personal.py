"""What ``tests/e2e/test_nothing_personal.py`` asks, on the worst day: every server fails, every log line is
written, and traces are exported.
"""

import asyncio
import http.server
import os
import threading
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.processes import SERVICES
from libs.common.settings import MongoSettings
from libs.common.stores.mongo import Mongo
from libs.imports.chats import chats_of
from tests.chaos.cases import STORMY
from tests.support.marked import Person, leaks, logs, metrics, operator, people
from tests.support.marked_import import import_marked_people
from tests.support.platform import create_tenant
from tests.support.processes import kill, needs_local_stack, running
from tests.support.readers import ACCEPTED, FINISHED, Stored, subscribed
from tests.support.stack import Addresses, local
from tests.support.user import User, csv_file
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.skipif(os.environ.get("LEADFLOW_CHAOS") != "full", reason="kills servers, restarts the services"),
    needs_local_stack,
]


@pytest.fixture(scope="module")
def traces() -> Iterator[tuple[str, list[bytes]]]:
    """An OpenTelemetry collector that keeps what it is sent: its address, and the bodies."""
    bodies: list[bytes] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", bodies
        server.shutdown()


@pytest.fixture(scope="module")
def talkative_stack(stormy_stack: Addresses, traces: tuple[str, list[bytes]]) -> Iterator[Addresses]:
    with pytest.MonkeyPatch.context() as patch:
        settings = STORMY | {"LEADFLOW_OTLP_ENDPOINT": traces[0], "LEADFLOW_LOG_LEVEL": "DEBUG"}
        for name, value in settings.items():
            patch.setenv(name, value)
        local("up")
        yield stormy_stack
        for name in set(settings) - set(STORMY):
            patch.delenv(name)
        local("up")


async def test_on_the_worst_day_nothing_personal_leaves_the_stores(
    talkative_stack: Addresses, stormy_engine: AsyncEngine, provider_url: str, traces: tuple[str, list[bytes]]
) -> None:
    stack = talkative_stack
    tenant = await create_tenant(stormy_engine, jwt_secret=stack.jwt_secret)
    mongo = Mongo(MongoSettings(mongo_url=stack.mongo_url), application_name="tests")
    stored = Stored(stormy_engine, chats_of(mongo))
    async with (
        httpx.AsyncClient(base_url=stack.api_url, timeout=60) as client,
        subscribed(stack.kafka_bootstrap, ACCEPTED) as accepted,
        subscribed(stack.kafka_bootstrap, FINISHED) as finished,
    ):
        user = User(client, tenant)
        marked = await import_marked_people(stack, user, stored)
        unlucky = await _on_bad_days(user, provider_url)
        await user.get("/imports", cursor=marked.people[0].phone)
        said: dict[str, bytes] = {}
        for topic in (accepted, finished):
            await topic.catch_up()
            for key, records in topic.records.items():
                said[f"{records[0].topic} {key}"] = repr([(each.value, each.headers) for each in records]).encode()

    async def traced() -> bool:
        sent = b"".join(traces[1])
        return all(f"leadflow-{service}".encode() in sent for service in SERVICES)

    await eventually(traced, seconds=60, what="traces of every service")
    said["traces"] = b"\n".join(traces[1])
    said["list"] = await operator(stack, "dead-letters", "list")
    said["inspect"] = await operator(stack, "imports", "inspect", str(marked.failed))
    said |= logs() | await metrics(stack)
    assert b"attempt failed, waiting" in said["creator.log"]
    assert b"lead.import-chunk-tagged" in said["traces"]
    await mongo.close()
    assert leaks(said, [*marked.people, *unlucky]) == []


async def _on_bad_days(user: User, provider_url: str) -> list[Person]:
    """Import people while the provider errs in each way, and while PostgreSQL and MongoDB die; return them."""
    everybody: list[Person] = []
    async with httpx.AsyncClient(base_url=provider_url, timeout=10) as provider:
        for mode in ("error", "throttle", "hang", "drop"):
            some = people(5)
            everybody += some
            (await provider.post("/control", json={"mode": mode, "limit": 1000})).raise_for_status()
            import_id = await user.accept(csv_file([person.row() for person in some]))
            await asyncio.sleep(2)
            (await provider.post("/control", json={"mode": "ok", "limit": 1000})).raise_for_status()
            await user.ended(import_id, seconds=90)
    for server in ("mongo", "postgres"):
        some = people(400)
        everybody += some
        import_id = await user.accept(csv_file([person.row() for person in some]))
        kill(running()[server])

        async def ended(import_id: int = import_id) -> bool:
            answer = await user.get(f"/imports/{import_id}")
            return answer.status_code == 200 and answer.json()["status"] != "PROCESSING"

        await eventually(ended, seconds=120, what=f"the import during which {server} died")
    return everybody
