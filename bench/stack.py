"""The stack that is measured: the local one, an instance of its own, with the settings that its part names."""

import asyncio
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from pymongo import MongoClient

from deploy.local.command import addresses, run
from deploy.local.instance import Instance
from deploy.local.stack import status
from libs.common.settings import MongoSettings
from libs.common.stores.mongo import Mongo
from libs.imports.chats import chats_of, ensure_chat_indexes

ROOT = Path(__file__).resolve().parents[1]
INSTANCE = os.environ.get("LEADFLOW_BENCH_INSTANCE", "bench")
ATTEMPTS = 5

_OURS = "chat_tags, amigocare_leads, lead_import_rows, lead_import_tags, lead_import_chunks, outbox, idempotency_keys"


@dataclass(frozen=True, slots=True)
class Stack:
    """Addresses of a running stack, and what is needed to begin from a known state."""

    api_url: str
    postgres_url: str
    mongo_url: str
    kafka_bootstrap: str
    settings: dict[str, str]

    @property
    def whatsapp_url(self) -> str:
        """The fake provider of the local stack; it runs when it is enabled by the settings."""
        return self.url_of("whatsapp")

    def url_of(self, process: str) -> str:
        """Return where a process itself answers, past the gateway."""
        ports = json.loads((ROOT / ".local" / INSTANCE / "ports.json").read_text())
        return f"http://127.0.0.1:{ports['ports'][process]}"

    def token(self, *, company_id: int = 1, user_id: int = 1) -> str:
        return _local(
            "token", f"--company-id={company_id}", f"--user-id={user_id}", "--expires-in=86400", settings=self.settings
        ).strip()

    def empty(self) -> None:
        """Forget every lead, chat, patient and import; begin with clean caches of both databases."""
        tables = ", ".join(f"amigocare.{table}" for table in (*_OURS.split(", "), "lead_imports", "patients"))
        for _ in range(ATTEMPTS):
            # What looks for work meanwhile holds some of these tables, and may want the others.
            with suppress(asyncpg.DeadlockDetectedError):
                self.execute(f"TRUNCATE {tables} CASCADE")
                break
        else:
            raise RuntimeError("the tables cannot be emptied: they are always in use")
        self.execute("DELETE FROM amigocare.tags WHERE id > 7")
        asyncio.run(self._forget_chats())
        self.settle()

    def execute(self, *statements: str) -> None:
        """Execute statements in PostgreSQL, each a transaction of its own."""
        asyncio.run(_execute(self.postgres_url, statements))

    def execute_together(self, *statements: str) -> None:
        """Execute statements in PostgreSQL, all in one session and transaction."""
        asyncio.run(_execute(self.postgres_url, ["; ".join(statements)]))

    def value(self, query: str) -> Any:
        """Return the one value that a query finds in PostgreSQL."""
        return asyncio.run(_value(self.postgres_url, query))

    def settle(self) -> None:
        """Let both databases write out what an earlier measurement left behind, so that the next does not pay."""
        self.execute("VACUUM (ANALYZE) amigocare.amigocare_leads, amigocare.chat_tags", "CHECKPOINT")
        with MongoClient[dict[str, object]](self.mongo_url) as client:
            client.admin.command("fsync")

    async def _forget_chats(self) -> None:
        mongo = Mongo(MongoSettings(mongo_url=self.mongo_url), application_name="bench")
        await chats_of(mongo).drop()
        await ensure_chat_indexes(mongo)
        await mongo.close()

    def processes(self) -> dict[str, psutil.Process]:
        """Return the running processes of servers and services by their name."""
        found = status(Instance(name=INSTANCE, local=ROOT / ".local"))
        return {process.name: psutil.Process(process.pid) for process in found if process.pid}

    def restart(self, *services: str) -> None:
        """Give these services fresh processes."""
        for service in services:
            _local("restart", service, settings=self.settings)

    def scale(self, service: str, count: int) -> None:
        _local("scale", "--", service, str(count), settings=self.settings)


@contextmanager
def running(settings: Mapping[str, str]) -> Iterator[Stack]:
    """Start a fresh stack with these settings; stop it and forget its data at the end."""
    given = dict(settings)
    _local("reset", settings=given)
    try:
        _local("up", settings=given)
        env = addresses(instance=INSTANCE, settings=given)
        stack = Stack(
            api_url=env["LEADFLOW_API_URL"],
            postgres_url=env["LEADFLOW_POSTGRES_URL"],
            mongo_url=env["LEADFLOW_MONGO_URL"],
            kafka_bootstrap=env["LEADFLOW_KAFKA_BOOTSTRAP"],
            settings=given,
        )
        time.sleep(2)  # the servers' own start-up work is not to be measured
        yield stack
    finally:
        _local("reset", settings=given)


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time of a process and its children, of those that have ended, too: it never becomes less."""
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def peak_memory(process: psutil.Process) -> int:
    """Return the most memory that the process held at any time, in bytes (VmHWM); not that of its children."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


async def _execute(url: str, statements: Sequence[str]) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _value(url: str, query: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def _local(*command: str, settings: dict[str, str]) -> str:
    return run(*command, instance=INSTANCE, settings=settings)
