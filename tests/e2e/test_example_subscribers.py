"""The subscribers that others copy: they run as their page says, and their types are those of our events."""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.other_clients import typed_subscriber
from tests.support.stack import ROOT, Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones

PYTHON = ROOT / "examples" / "subscribers" / "python" / "subscriber.py"
SECONDS = 60


@asynccontextmanager
async def subscriber(stack: Addresses, *command: str, folder: Path = ROOT) -> AsyncIterator[asyncio.StreamReader]:
    """Run a subscriber in a new group beside the local stack, and return what it prints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=os.environ
        | {"LEADFLOW_KAFKA_BOOTSTRAP": stack.kafka_bootstrap, "GROUP": f"example-{uuid.uuid4().hex[:12]}"},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line_of(printed: asyncio.StreamReader, import_id: int) -> str:
    async with asyncio.timeout(SECONDS):
        async for line in printed:
            if line.decode().startswith(f"Import {import_id} "):
                return line.decode().strip()
    raise AssertionError("it ended before it said anything of the import")


async def test_the_python_subscriber_says_that_an_import_has_ended(user: User, stack: Addresses) -> None:
    found = await user.run(csv_file(lead_rows(new_phones(3))))
    async with subscriber(stack, sys.executable, str(PYTHON)) as printed:
        said = await line_of(printed, found["id"])
    assert said.endswith("is FINISHED: 3 created, 0 existing, 0 errors, 3 rows")


async def test_ctrl_c_ends_the_python_subscriber_without_a_word(user: User, stack: Addresses) -> None:
    found = await user.run(csv_file(lead_rows(new_phones(1))))
    # A test runner in the background ignores Ctrl-C, and so would what it starts.
    process = await asyncio.create_subprocess_exec(
        *("env", "--default-signal=INT", sys.executable, str(PYTHON)),
        env=os.environ
        | {"LEADFLOW_KAFKA_BOOTSTRAP": stack.kafka_bootstrap, "GROUP": f"example-{uuid.uuid4().hex[:12]}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await line_of(process.stdout, found["id"])
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(SECONDS):
        _, complaints = await process.communicate()
    assert (process.returncode, complaints.decode()) == (0, "")


async def test_the_types_of_the_python_subscriber_are_right_where_it_is_copied() -> None:
    mypy = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--cache-dir", os.devnull),
        *("--config-file", os.devnull, PYTHON.name),
        cwd=PYTHON.parent,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await mypy.communicate()
    assert mypy.returncode == 0, said.decode()


async def test_the_typescript_subscriber_says_that_an_import_has_ended(user: User, stack: Addresses) -> None:
    folder = typed_subscriber()
    build = await asyncio.create_subprocess_exec("node", "node_modules/typescript/bin/tsc", cwd=folder)
    assert await build.wait() == 0, "its types are not those of our events"
    found = await user.run(csv_file(lead_rows(new_phones(3))))
    async with subscriber(stack, "node", "dist/subscriber.js", folder=folder) as printed:
        said = await line_of(printed, found["id"])
    assert said.endswith("is FINISHED: 3 created, 0 existing, 0 errors, 3 rows")
