"""People whose every datum is recognised wherever it turns up: in logs, metrics, traces, events, listings."""

import asyncio
import itertools
import os
import random
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy.processes import SERVICES
from tests.support.stack import ROOT, Addresses, instance_of, own_address
from tests.support.user import cpf_of

_numbers = itertools.count(random.SystemRandom().randrange(10_000, 80_000) * 100)


@dataclass(frozen=True, slots=True)
class Person:
    """A name, a mobile, a CPF and an e-mail address that nothing else in a log looks like."""

    number: int

    @property
    def name(self) -> str:
        return f"Marcada{self.number} Zenobia"

    @property
    def phone(self) -> str:
        """DDD and number, as it is stored."""
        return f"219{90_000_000 - self.number}"

    @property
    def cpf(self) -> str:
        return cpf_of(f"{self.number + 300_000_000}")

    @property
    def mistyped_cpf(self) -> str:
        """The CPF with another last digit, which cannot be right; a digit too few may be a leading zero's."""
        return self.cpf[:-1] + str((int(self.cpf[-1]) + 1) % 10)

    @property
    def email(self) -> str:
        return f"zenobia{self.number}@clinica.com.br"

    def row(self, **changes: str) -> list[str]:
        cells = {"name": self.name, "phone": self.phone, "cpf": self.cpf, "email": self.email, "tags": ""} | changes
        return list(cells.values())

    def marks(self) -> list[bytes]:
        """Return what must be nowhere: also the end of the phone, and the CPF as people type it."""
        typed = f"{self.cpf[:3]}.{self.cpf[3:6]}.{self.cpf[6:9]}"
        found = [f"Marcada{self.number}", self.phone[-8:], self.cpf[:-1], typed, f"zenobia{self.number}"]
        return [mark.encode() for mark in found]


def people(count: int) -> list[Person]:
    return [Person(next(_numbers)) for _ in range(count)]


def logs() -> dict[str, bytes]:
    """Return the log files of every process of the test instance: our services, and the servers."""
    return {path.name: path.read_bytes() for path in instance_of().logs.rglob("*") if path.is_file()}


async def metrics(stack: Addresses) -> dict[str, bytes]:
    """Return what each service answers to whoever asks."""
    found = {}
    async with httpx.AsyncClient(timeout=30) as client:
        for service in SERVICES:
            for path in ("/metrics", "/health/ready"):
                found[service + path] = (await client.get(f"{own_address(service)}{path}")).content
    return found


async def operator(stack: Addresses, *command: str) -> bytes:
    """Return what the command ``leadflow`` prints, on both streams."""
    environment = os.environ | {
        "LEADFLOW_POSTGRES_URL": stack.postgres_url,
        "LEADFLOW_MONGO_URL": stack.mongo_url,
        "LEADFLOW_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "COLUMNS": "400",
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [str(Path(sys.executable).parent / "leadflow"), *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout


_LIKE_A_MARK = re.compile(rb"(?=(Marcada\d+|zenobia\d+|8\d{7}|3\d{9}|3\d\d\.\d{3}\.\d{3}))")
"""Whatever could be somebody's mark, wherever it begins: thousands of people are looked for in megabytes of logs."""


def leaks(said: dict[str, bytes], marked: list[Person]) -> list[str]:
    """Return the lines that hold a mark, each with where it was said."""
    marks = {mark for person in marked for mark in person.marks()}
    assert all((found := _LIKE_A_MARK.match(mark)) and found.group(1) == mark for mark in marks)
    return [
        f"{where}: {line[:600].decode('utf-8', 'replace')}"
        for where, text in said.items()
        for line in text.splitlines()
        if not marks.isdisjoint(_LIKE_A_MARK.findall(line))
    ]
