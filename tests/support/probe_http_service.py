"""A whole service that answers calls, which tests run as a process. ``PROBE_START=fails``: what it holds cannot start.

Prints a line when what it holds is started and closed.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from libs.common.process.http import HttpService
from libs.common.settings import HttpSettings
from libs.common.web.problems import ANSWERED_HERE
from libs.common.web.refusals import Detail, Problem, Refused

STATUSES = {"not_found": 404, "method_not_allowed": 405, "unavailable": 503, "internal_error": 500}
PROBLEMS = {code: Problem(STATUSES.get(code, 422), code.capitalize(), "Do otherwise.") for code in ANSWERED_HERE}
PROBLEMS["shut"] = Problem(409, "Shut", "Come again.")

router = APIRouter()


@router.get("/door")
async def door(*, code: str | None = None) -> str:
    if code == "away":
        raise OSError
    if code is not None:
        raise Refused(code, errors=[Detail("why", "because", row=1)], total_errors=1)
    return "open"


@router.get("/who")
async def who(request: Request) -> str:
    return request.client.host if request.client else ""


@router.get("/many/{count}")
async def many(count: int) -> Response:
    """Send that many MiB, and say when that is over, however it ends."""

    async def pieces() -> AsyncIterator[bytes]:
        try:
            for _ in range(count):
                yield b"x" * (1 << 20)
                await asyncio.sleep(0)
        finally:
            say("many ended")

    return StreamingResponse(pieces())


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def start() -> None:
    say("start")
    if os.environ.get("PROBE_START") == "fails":
        raise OSError


async def close() -> None:
    say("close")


async def stuck() -> str | None:
    say("looked")
    return os.environ.get("PROBE_STUCK")


def main() -> None:
    service = HttpService("probe", HttpSettings(), title="Probe", description="A door.", problems=PROBLEMS)
    service.starts(start, close=close)
    service.serves(router, stuck=stuck)
    service.run()


if __name__ == "__main__":
    main()
