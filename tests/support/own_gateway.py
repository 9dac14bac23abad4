"""A gateway of a test's own, beside the stack's: other settings of the console, another api behind it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import free_port
from tests.support.stack import ROOT
from tests.support.waiting import eventually

LOG = "gateway.log"


@asynccontextmanager
async def own_gateway(
    folder: Path, *, api: str, settings: dict[str, Any], ancestors: str = "'none'"
) -> AsyncIterator[str]:
    """Run it until the end of the block; yield its address. ``api`` is a host and port. Its log is in ``LOG``."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEADFLOW_")} | {
        "LEADFLOW_GATEWAY_HOST": "127.0.0.1",
        "LEADFLOW_GATEWAY_PORT": str(port),
        "LEADFLOW_GATEWAY_API": api,
        "LEADFLOW_GATEWAY_LEADS": api,
        "LEADFLOW_CONSOLE_FOLDER": str(ROOT / "console" / "dist"),
        "LEADFLOW_CONSOLE_SETTINGS": json.dumps(settings),
        "LEADFLOW_CONSOLE_ANCESTORS": ancestors,
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    caddy = Path(sys.executable).parent / "caddy"
    command = (str(caddy), "run", "--config", str(ROOT / "deploy" / "gateway" / "Caddyfile"))
    with (folder / LOG).open("ab") as log:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=url) as http:

            async def answers() -> bool:
                try:
                    return (await http.get("/console/")).status_code == httpx.codes.OK
                except httpx.TransportError:
                    return False

            await eventually(answers, what="the gateway's answer")
        yield url
    finally:
        process.terminate()
        await process.wait()
