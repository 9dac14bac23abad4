"""What is not ours: subscribers on Node and Java, and the schema that AsyncAPI documents are held to."""

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import ROOT

SOURCES = ROOT / "tests" / "fixtures" / "other_clients"
TYPESCRIPT = ROOT / "examples" / "subscribers" / "typescript"
INSTALLED = ROOT / ".local" / "other-clients"
SECONDS = 60

Json = dict[str, Any]


def kafkajs() -> Path:
    """Return the folder that the subscriber on Node runs in; skip the test where it cannot be had."""
    return _installed("kafkajs", _install_kafkajs, tools=("node", "npm"))


def asyncapi_schema() -> Json:
    """Return the JSON Schema of AsyncAPI 3.0 documents; skip the test where it cannot be had."""
    path = kafkajs() / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0-without-$id.json"
    found: Json = json.loads(path.read_text())
    return found


def typed_subscriber() -> Path:
    """Return the folder that the example of a subscriber in TypeScript is installed in; skip where it cannot be had."""
    return _installed("typescript", _install_typescript, tools=("node", "npm"), sources=TYPESCRIPT)


def console_consumer() -> Path:
    """Return the folder of the jars of Kafka's tools; skip the test where they cannot be had."""
    return _installed("kafka-tools", _install_kafka_tools, tools=("java", "mvn"))


async def read_by_kafkajs(folder: Path, bootstrap: str, topic: str, key: str) -> Json:
    """Return headers and body of the first message with this key. Raises what the subscriber says when it crashes."""
    arguments = (bootstrap, topic, f"kafkajs-{uuid.uuid4().hex[:12]}", key)
    async with _running("node", "subscriber.cjs", *arguments, folder=folder) as process:
        said, complained = await asyncio.wait_for(process.communicate(), SECONDS)
        if process.returncode:
            raise RuntimeError(f"kafkajs: {complained.decode()}")
        found: Json = json.loads(said)
        return found


async def read_by_console_consumer(folder: Path, bootstrap: str, topic: str, key: str) -> Json:
    """Return the body of the first message with this key."""
    command = [
        *("java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", f"{folder}/jars/*"),
        *("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", bootstrap, "--topic", topic),
        *("--from-beginning", "--formatter-property", "print.key=true"),
    ]
    async with _running(*command, folder=folder) as process:
        assert process.stdout is not None
        async with asyncio.timeout(SECONDS):
            async for line in process.stdout:
                found_key, _, body = line.decode().partition("\t")
                if found_key == key:
                    found: Json = json.loads(body)
                    return found
        raise RuntimeError("the console consumer ended without the message")


@asynccontextmanager
async def _running(*command: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def _installed(name: str, install: Any, *, tools: tuple[str, ...], sources: Path = SOURCES) -> Path:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    folder = INSTALLED / name
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources.glob("*.*")))).hexdigest()
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with (INSTALLED / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests may run in several processes
        stamp = folder / ".stamp"
        if stamp.exists() and stamp.read_text() == wanted:
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        said = f"there is no {missing[0]}" if missing else install(folder)
        if said is not None:
            _unavailable(f"{name} cannot be had: {said}")
        stamp.write_text(wanted)
    return folder


def _unavailable(reason: str) -> None:
    # Whoever has neither the tools nor a network still runs the other tests. CI has both.
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _install_kafkajs(folder: Path) -> str | None:
    for name in ("package.json", "package-lock.json", "subscriber.cjs"):
        shutil.copy(SOURCES / name, folder / name)
    return _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)


def _install_typescript(folder: Path) -> str | None:
    for path in TYPESCRIPT.glob("*.*"):
        shutil.copy(path, folder / path.name)
    return _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)


def _install_kafka_tools(folder: Path) -> str | None:
    pom = ["mvn", "-B", "-q", "-f", str(SOURCES / "pom.xml")]
    return _run([*pom, "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'jars'}"], folder)


def _run(command: list[str], folder: Path) -> str | None:
    """Return the last words of a command that failed, or None."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    return (done.stdout + done.stderr)[-1_000:] if done.returncode else None
