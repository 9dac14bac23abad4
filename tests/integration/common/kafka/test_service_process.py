"""A consumer service as a process: how it starts, answers health checks and ends."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from libs.common.kafka.delivery import EXIT_BAD_DEPLOY
from tests.support.chunks import accepted, phones
from tests.support.door import Door
from tests.support.kafka import Kafka, unique
from tests.support.ports import free_port
from tests.support.probe_service import BAD
from tests.support.stack import ROOT
from tests.support.waiting import eventually

IMPORT = 2_000_000_006


@dataclass(frozen=True, slots=True)
class Probe:
    process: Process
    url: str
    topic: str
    group: str

    async def until_begun(self, chunk_index: int) -> None:
        assert self.process.stdout
        async with asyncio.timeout(60):
            while line := await self.process.stdout.readline():
                if line == f"began {chunk_index}\n".encode():
                    return
        raise AssertionError("the service ended")

    async def exit_code(self) -> int:
        output, _ = await asyncio.wait_for(self.process.communicate(), 30)
        print(output.decode())  # noqa: T201 - pytest shows it when the test fails
        assert self.process.returncode is not None
        return self.process.returncode

    async def ready(self) -> httpx.Response | None:
        async with httpx.AsyncClient() as client:
            try:
                return await client.get(f"{self.url}/health/ready")
            except httpx.TransportError:
                return None


@asynccontextmanager
async def probe(
    kafka: Kafka, *, bootstrap: str | None = None, seconds: float = 0.0, told_seconds: float = 0.0
) -> AsyncIterator[Probe]:
    topic, group, port = (await kafka.chunk_topic()).name, unique("probe"), free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.probe_service",
        cwd=ROOT,
        env=os.environ
        | {
            "LEADFLOW_KAFKA_BOOTSTRAP": bootstrap or kafka.settings.kafka_bootstrap,
            "LEADFLOW_HTTP_PORT": str(port),
            "LEADFLOW_BAD_MESSAGES_IN_A_ROW": str(kafka.settings.bad_messages_in_a_row),
            "LEADFLOW_BAD_DEPLOY_TOLD_SECONDS": str(told_seconds),
            "PROBE_TOPIC": topic,
            "PROBE_GROUP": group,
            "PROBE_SECONDS": str(seconds),
        },
        stdout=PIPE,
    )
    try:
        yield Probe(process, f"http://127.0.0.1:{port}", topic, group)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def send(kafka: Kafka, topic: str, *indexes: int) -> None:
    for index in indexes:
        chunk = accepted(phones(1)).model_copy(update={"import_id": IMPORT, "chunk_index": index})
        await kafka.send(topic, chunk.model_dump_json().encode())


async def test_too_many_bad_messages_end_the_process_with_78_which_no_supervisor_restarts(kafka: Kafka) -> None:
    limit = kafka.settings.bad_messages_in_a_row
    async with probe(kafka) as service:
        await send(kafka, service.topic, *[BAD] * (limit + 1), 1)
        assert await service.exit_code() == EXIT_BAD_DEPLOY == 78
        assert await kafka.committed(service.group, service.topic) == limit
        assert len(await kafka.dead_letters(service.topic)) == limit


async def test_a_process_that_meets_nothing_but_bad_messages_says_so_in_its_metrics_before_it_ends(
    kafka: Kafka,
) -> None:
    limit = kafka.settings.bad_messages_in_a_row
    async with probe(kafka, told_seconds=120) as service:
        await send(kafka, service.topic, *[BAD] * (limit + 1), 1)

        async def told() -> bool:
            async with httpx.AsyncClient() as client:
                try:
                    metrics = (await client.get(f"{service.url}/metrics")).text
                except httpx.TransportError:
                    return False
            return bool(re.search(rf"^leadflow_bad_messages_in_a_row\{{.*\}} {limit}\.0$", metrics, re.MULTILINE))

        await eventually(told, what="a word of it")
        # Told to stop, it waits for nobody to look.
        service.process.send_signal(signal.SIGTERM)
        assert await service.exit_code() in (0, -signal.SIGTERM, EXIT_BAD_DEPLOY)
        assert await kafka.committed(service.group, service.topic) == limit


async def test_a_process_answers_while_it_works_and_finishes_the_message_in_hand_when_told_to_stop(
    kafka: Kafka,
) -> None:
    async with probe(kafka, seconds=1.0) as service:
        await send(kafka, service.topic, 1, 2, 3)
        await service.until_begun(1)
        ready = await eventually(service.ready, what="an answer")
        assert (ready.status_code, ready.json()) == (200, {"status": "ok"})
        async with httpx.AsyncClient(base_url=service.url, follow_redirects=True) as client:
            assert (await client.get("/health/live")).status_code == 200
            assert "leadflow_kafka_received_messages_total{" in (await client.get("/metrics")).text
            page = (await client.get("/docs/events")).text
            assert service.topic in page
            assert not re.search(r"""(src|href)=["'](\w+:)?//|@import|url\(""", page), "nothing of another host"
            assert (await client.get("/docs/events.json")).json()["asyncapi"].startswith("3.")
        await service.until_begun(2)
        service.process.send_signal(signal.SIGTERM)
        assert await service.exit_code() in (0, -signal.SIGTERM)
        assert await kafka.committed(service.group, service.topic) == 2


async def test_a_process_without_kafka_lives_says_which_it_waits_for_and_begins_when_it_is_there(kafka: Kafka) -> None:
    door = Door(int(kafka.settings.kafka_bootstrap.rpartition(":")[2]))
    place = f"Kafka at 127.0.0.1:{door.port}"
    async with probe(kafka, bootstrap=f"127.0.0.1:{door.port}") as service:
        await send(kafka, service.topic, 1)

        async def waits() -> str | None:
            answer = await service.ready()
            reason = "" if answer is None else str(answer.json().get("reason"))
            return reason if f"starting: {place}: " in reason and ", for " in reason else None

        assert "refused" in await eventually(waits, what="a reason")
        async with httpx.AsyncClient(base_url=service.url) as client:
            assert (await client.get("/health/live")).status_code == 200
        await door.open()
        await service.until_begun(1)
        await kafka.until_committed(service.group, service.topic, 1)
        answer = await service.ready()
        assert answer is not None
        assert answer.status_code == 200
        service.process.send_signal(signal.SIGTERM)
        assert await service.exit_code() in (0, -signal.SIGTERM)
    await door.shut()
