"""The people on call, and what they are called for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from typer.testing import CliRunner

from services.operator.main import app
from tests.support.readers import Stored
from tests.support.stack import Addresses


class OnCall:
    """Runs the command ``leadflow`` against the running services' servers."""

    def __init__(self, stack: Addresses) -> None:
        self._environment = {
            "LEADFLOW_POSTGRES_URL": stack.postgres_url,
            "LEADFLOW_MONGO_URL": stack.mongo_url,
            "LEADFLOW_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        }

    async def __call__(self, *command: str) -> str:
        # In a thread: each command runs an event loop of its own.
        done = await asyncio.to_thread(CliRunner().invoke, app, command, env=self._environment)
        assert done.exit_code == 0, done.output
        return done.output


@asynccontextmanager
async def without_the_import_channel(stored: Stored) -> AsyncIterator[None]:
    """Somebody renamed the lead channel that every imported lead needs."""
    rename = "UPDATE amigocare.lead_channels SET name = :new WHERE name = :old"
    await stored.execute(rename, old="IMPORT", new="IMPORTS")
    try:
        yield
    finally:
        await stored.execute(rename, old="IMPORTS", new="IMPORT")


def letter_of(chunk: str, listing: str) -> tuple[str, list[str]]:
    """Return the position of a chunk's newest letter, and what else the list says of it."""
    lines = [[cell.strip() for cell in line.split("│")][1:-1] for line in listing.splitlines()]
    position, _, _, *why = [cells for cells in lines if cells[2:3] == [chunk]][-1]
    return position, why
