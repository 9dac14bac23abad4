"""Each alert, for real: something breaks, a real Prometheus calls, the runbook is followed as it stands, the call ends.

The rules are the shipped ones in less time (``tests/support/hurried_rules.py``).
"""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from pymongo import AsyncMongoClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.alerts import ALERTS
from deploy.local import observe
from deploy.local import ports as ports_of
from deploy.local.certificates import Authority
from deploy.local.instance import write_atomically
from deploy.local.stack import status
from deploy.local.supervision import Supervisor
from tests.chaos.cases import full_only
from tests.support.certificates import authorities_that_end
from tests.support.databases import sqlalchemy_url
from tests.support.hurried_rules import hurried
from tests.support.machine import needs
from tests.support.on_call import without_the_import_channel
from tests.support.own_service import own_service
from tests.support.own_stack import own_stack
from tests.support.platform import create_tenant
from tests.support.ports import free_port
from tests.support.processes import needs_local_stack
from tests.support.readers import Stored
from tests.support.runbook import commands, run, with_pid
from tests.support.stack import INSTANCE, Addresses, instance_of, local
from tests.support.user import User, csv_file, lead_rows, new_phones
from tests.support.waiting import eventually

pytestmark = [
    full_only,
    needs_local_stack,
    needs(shutil.which("prometheus"), "Prometheus (Debian: prometheus)"),
]

OWN = f"{INSTANCE}-alerts"
TIMES = 30
"""So many times faster than in earnest: a quarter of an hour is thirty seconds."""
SETTINGS = {
    "LEADFLOW_WHATSAPP_ENABLED": "true",
    "LEADFLOW_WHATSAPP_BREAKER_SECONDS": "1",
    "LEADFLOW_CHUNK_ROWS": "2",
    "LEADFLOW_WINDOW_ALONE": "1000",
    "LEADFLOW_WINDOW_SHARED": "1000",
    "LEADFLOW_QUOTA_ROWS": "1000000",
    "LEADFLOW_QUOTA_IMPORTS": "100000",
    "LEADFLOW_BAD_MESSAGES_IN_A_ROW": "1000",
    "LEADFLOW_WATCH_SECONDS": "1",
    "LEADFLOW_RESEND_AFTER_SECONDS": "10",
    "LEADFLOW_BACKOFF_MAX_SECONDS": "1",
}
FIRES_SECONDS, ENDS_SECONDS = 120, 150
followed: set[str] = set()
"""The alerts that have fired, were followed by the runbook, and ended."""


@dataclass(slots=True)
class Watched:
    """A running stack, and the Prometheus that watches it."""

    stack: Addresses
    engine: AsyncEngine
    user: User
    prometheus: httpx.AsyncClient
    targets: Path
    """Where further processes are named that Prometheus shall ask."""
    began: float = 0.0
    """When the test began, by the clock that only goes forward."""

    async def firing(self) -> set[str]:
        answer = await self.prometheus.get("/api/v1/alerts")
        found = answer.json()["data"]["alerts"]
        return {each["labels"]["alertname"] for each in found if each["state"] == "firing"}

    async def fired(self) -> set[str]:
        """Return what has fired since the test began, also what has ended by now."""
        seconds = int(time.monotonic() - self.began) + 1
        query = f'sum by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{seconds}s]))'
        answer = await self.prometheus.get("/api/v1/query", params={"query": query})
        return {each["metric"]["alertname"] for each in answer.json()["data"]["result"]}

    async def fire(self, *alerts: str) -> None:
        async def look() -> bool:
            return await self.fired() >= set(alerts)

        try:
            await eventually(look, seconds=FIRES_SECONDS)
        except AssertionError:
            pytest.fail(f"{set(alerts) - await self.fired()} did not fire within {FIRES_SECONDS} s")

    async def ends(self, *alerts: str) -> None:
        async def look() -> bool:
            return not set(alerts) & await self.firing()

        await eventually(look, seconds=ENDS_SECONDS, what=f"the end of {', '.join(alerts)}")
        followed.update(alerts)

    async def follow(self, *alerts: str) -> None:
        """Run the commands of the alerts' sections, once each, in their order."""
        said = ""
        for command in dict.fromkeys(command for alert in alerts for command in commands(alert)):
            said = await asyncio.to_thread(run, with_pid(command, said), instance=OWN)

    def stop(self, *names: str) -> None:
        """Stop processes so that nothing starts them again."""
        Supervisor(instance_of(OWN)).stop(names)

    async def ask(self, url: str) -> None:
        """Have Prometheus ask one more process."""
        targets = [{"targets": [url.removeprefix("http://")], "labels": {"process": "own"}}]
        write_atomically(self.targets, json.dumps(targets))  # Prometheus looks at it all the time

    async def accept(self, rows: int) -> int:
        return await self.user.accept(csv_file(lead_rows(new_phones(rows))))

    async def imported(self, rows: int) -> dict[str, Any]:
        return await self.user.ended(await self.accept(rows))


async def program(*words: str) -> None:
    """Run a program of the system, which must end well."""
    process = await asyncio.create_subprocess_exec(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert await process.wait() == 0, words


@pytest.fixture(scope="module")
def stack() -> Iterator[Addresses]:
    with own_stack(OWN, SETTINGS) as addresses:
        yield addresses


@pytest_asyncio.fixture(scope="module")
async def watched(stack: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    folder = tmp_path_factory.mktemp("prometheus")
    instance = instance_of(OWN)
    ports = ports_of.load(instance)
    assert ports is not None
    (folder / "rules.yaml").write_text(yaml.safe_dump(hurried(TIMES)))
    settings: Any = observe.configuration(instance, ports, folder / "rules.yaml")
    settings["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    targets = folder / "more.json"
    settings["scrape_configs"][0]["file_sd_configs"] = [{"files": [str(targets)], "refresh_interval": "1s"}]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))
    url = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        str(shutil.which("prometheus")), f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={url}", "--log.level=error",
        # What a process said last is not held for true for minutes after it has gone.
        "--query.lookback-delta=5s",
    )  # fmt: skip
    engine = create_async_engine(sqlalchemy_url(stack.postgres_url), pool_pre_ping=True)
    try:
        async with (
            httpx.AsyncClient(base_url=f"http://{url}", timeout=10) as prometheus,
            httpx.AsyncClient(base_url=stack.api_url, timeout=60) as http,
        ):

            async def ready() -> bool:
                with suppress(httpx.TransportError):
                    return (await prometheus.get("/-/ready")).status_code == httpx.codes.OK
                return False

            await eventually(ready, seconds=60, what="Prometheus")
            user = User(http, await create_tenant(engine, jwt_secret=stack.jwt_secret))
            watched = Watched(stack, engine, user, prometheus, targets)
            await watched.imported(4)  # each number is there before something happens to it
            yield watched
    finally:
        await engine.dispose()
        process.terminate()
        await process.wait()


@pytest.fixture(autouse=True)
def _begins(watched: Watched) -> None:
    watched.began = time.monotonic()


@pytest_asyncio.fixture
async def stored(watched: Watched) -> AsyncIterator[Stored]:
    client: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(watched.stack.mongo_url, tz_aware=True) as client:
        yield Stored(watched.engine, client.get_default_database()["chats"])


async def test_nobody_is_called_while_all_is_well(watched: Watched) -> None:
    async def quiet() -> bool:
        return not await watched.firing()

    await eventually(quiet, seconds=60, what="no alert")
    await watched.imported(20)
    assert await watched.firing() == set()


async def test_mongodb_is_away(watched: Watched) -> None:
    watched.stop("mongo")
    waits = await watched.accept(20)
    await watched.fire("ImportStuck", "StageStandsStill")
    await watched.follow("ImportStuck", "StageStandsStill")
    await watched.user.ended(waits)
    late = ("ImportsMissTheirObjective", "ImportsMissTheirObjectiveSlowly")
    await watched.fire(*late)
    await watched.ends("ImportStuck", "StageStandsStill")
    await watched.follow(*late)
    await watched.ends(*late)


async def test_postgresql_is_away(watched: Watched) -> None:
    alerts = ("ServerFails", "UploadsMissTheirObjective", "UploadsMissTheirObjectiveSlowly")
    watched.stop("postgres")

    async def upload_until_called() -> None:
        while not await watched.fired() >= set(alerts):
            answer = await watched.user.upload(csv_file(lead_rows(new_phones(2))))
            assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE

    await asyncio.wait_for(upload_until_called(), FIRES_SECONDS)
    await watched.follow(*alerts)
    await watched.imported(4)
    await watched.ends(*alerts)


async def test_no_finalizer_runs(watched: Watched) -> None:
    watched.stop("finalizer")
    await watched.fire("NobodyCounts")
    await watched.follow("NobodyCounts")
    await watched.ends("NobodyCounts")


async def test_a_service_is_gone(watched: Watched) -> None:
    """Its only process is held by a signal: it runs, and answers nobody."""
    (enroller,) = [each for each in status(instance_of(OWN)) if each.name == "enroller"]
    os.kill(enroller.pid, signal.SIGSTOP)
    await watched.fire("ServiceGone")
    await watched.follow("ServiceGone")
    await watched.ends("ServiceGone")


async def test_kafka_is_away(watched: Watched) -> None:
    watched.stop("kafka")
    waits = await watched.accept(4)
    await watched.fire("OutboxOld", "KafkaSilent")
    await watched.follow("OutboxOld", "KafkaSilent")
    await watched.user.ended(waits)
    await watched.ends("OutboxOld", "KafkaSilent")


async def test_a_service_gives_up_on_its_messages(watched: Watched, stored: Stored) -> None:
    async with without_the_import_channel(stored):
        failed = await watched.imported(60)
        assert failed["status"] == "FAILED"
        await watched.fire("BadDeploy", "DeadLetters")
    await watched.follow("BadDeploy", "DeadLetters")
    await watched.ends("BadDeploy", "DeadLetters")
    assert (await watched.user.ended(failed["id"]))["status"] == "FINISHED"


async def test_rows_of_people_are_kept_for_too_long(watched: Watched, stored: Stored) -> None:
    """Somebody holds the import's row, so that no finalizer empties it."""
    (phone,) = new_phones(1)
    ended = await watched.user.run(csv_file(lead_rows([phone, phone])))
    async with watched.engine.connect() as holder:
        await stored.execute(
            "UPDATE amigocare.lead_imports SET finished_at = finished_at - interval '100 days' WHERE id = :i",
            i=ended["id"],
        )
        await holder.execute(text("SELECT FROM amigocare.lead_imports WHERE id = :i FOR UPDATE"), {"i": ended["id"]})
        await watched.fire("PersonalDataOverdue")
        await watched.follow("PersonalDataOverdue")
        await watched.ends("PersonalDataOverdue")
        with suppress(Exception):  # it was ended
            await holder.close()
    rows = await stored.value("SELECT count(*) FROM amigocare.lead_import_rows WHERE import_id = :i", i=ended["id"])
    assert rows == 0


async def test_somebody_holds_a_lock(watched: Watched) -> None:
    async with watched.engine.connect() as holder:
        await holder.execute(text("LOCK amigocare.lead_imports IN ACCESS EXCLUSIVE MODE"))
        uploads = [asyncio.create_task(watched.accept(2)) for _ in range(12)]
        await watched.fire("PoolExhausted")
        await watched.follow("PoolExhausted")
        await asyncio.gather(*uploads)
        await watched.ends("PoolExhausted")
        with suppress(Exception):  # it was ended
            await holder.close()


async def provider_behaves(**wanted: Any) -> None:
    ports = ports_of.load(instance_of(OWN))
    assert ports is not None
    async with httpx.AsyncClient() as client:
        (await client.post(f"http://127.0.0.1:{ports['whatsapp']}/control", json=wanted)).raise_for_status()


async def test_the_provider_fails(watched: Watched) -> None:
    await provider_behaves(mode="error")
    waits = await watched.accept(20)
    await watched.fire("ProviderFails")
    await watched.follow("ProviderFails")
    await watched.user.ended(waits)
    await watched.ends("ProviderFails")


async def test_more_comes_in_than_the_creators_handle(watched: Watched) -> None:
    await provider_behaves(mode="ok", delay_ms=1_500)
    uploads = []

    async def upload_until_called() -> None:
        while "LagGrows" not in await watched.fired():
            uploads.append(await watched.accept(60))
            await asyncio.sleep(0.5)

    await asyncio.wait_for(upload_until_called(), FIRES_SECONDS)
    await watched.follow("LagGrows")
    await provider_behaves(mode="ok", delay_ms=0)
    await asyncio.gather(*(watched.user.ended(each, seconds=ENDS_SECONDS) for each in uploads))
    await watched.ends("LagGrows")


async def test_a_sequence_is_nearly_used_up(watched: Watched) -> None:
    async with watched.engine.begin() as connection:
        await connection.execute(text("SELECT setval('amigocare.chat_tags_id_seq', 2000000000)"))
    await asyncio.to_thread(local, "restart", "finalizer", instance=OWN)
    await watched.fire("SequenceNearlyUsedUp")
    await watched.follow("SequenceNearlyUsedUp")
    await watched.ends("SequenceNearlyUsedUp")
    assert (await watched.imported(2))["total_created"] == 2


async def test_a_certificate_ends_soon(watched: Watched, tmp_path: Path) -> None:
    """A process that trusts an authority that ends in five days and one that does in ten, until its file is another."""
    file = authorities_that_end(tmp_path / "ca.pem", older=5, old=10)
    trusting = {
        "kafka_bootstrap": "127.0.0.1:1", "kafka_security_protocol": "SSL", "kafka_ca_file": str(file),
        "postgres_url": watched.stack.postgres_url, "mongo_url": watched.stack.mongo_url,
    }  # fmt: skip
    async with own_service("dedup", tmp_path, **trusting) as service:
        await watched.ask(service.url)
        await watched.fire("CertificateEnds")
        (command,) = commands("CertificateEnds")
        said = await asyncio.to_thread(run, command, instance=OWN, LEADFLOW_KAFKA_CA_FILE=str(file))
        assert re.findall(r"CN ?= ?(\w+)", said) == ["older", "old"]
        assert said.count("Not After") == 2
    file.write_bytes(Authority("new").certificate)
    async with own_service("dedup", tmp_path, **trusting) as service:
        await watched.ask(service.url)
        await watched.ends("CertificateEnds")


@needs(os.geteuid() == 0, "right to mount a small disk")
async def test_the_disk_is_nearly_full(watched: Watched, tmp_path: Path) -> None:
    disk = tmp_path / "api-tmp"
    disk.mkdir()
    await program("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk))
    try:
        (disk / "somebody-elses").write_bytes(b"0" * (7_700_000))
        servers = {
            "kafka_bootstrap": watched.stack.kafka_bootstrap,
            "postgres_url": watched.stack.postgres_url, "mongo_url": watched.stack.mongo_url,
        }  # fmt: skip
        async with own_service("api", tmp_path, **servers) as service:
            await watched.ask(service.url)
            await watched.fire("DiskNearlyFull")
            (command,) = commands("DiskNearlyFull")
            said = await asyncio.to_thread(run, command, instance=OWN, TMPDIR=str(disk))
            assert "8.0M" in said
            (disk / "somebody-elses").unlink()
            await watched.ends("DiskNearlyFull")
    finally:
        await program("umount", str(disk))


def test_no_alert_was_left_out() -> None:
    """Last: whoever adds an alert breaks something for it here."""
    if os.geteuid() != 0:
        followed.add("DiskNearlyFull")
    assert {alert.name for alert in ALERTS} - followed == set()
