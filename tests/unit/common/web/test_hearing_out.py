"""The end of hearing somebody out, on a machine that is slow at the wrong moment."""

import asyncio
import time

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from libs.common.web import hearing_out
from libs.common.web.hearing_out import HearingOut

HEAR = 0.05
POST = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-length", b"100000000")]}


async def test_a_byte_that_comes_just_as_the_time_is_over_does_not_prolong_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time passes while the process takes the first byte; others follow for ever."""
    monkeypatch.setattr(hearing_out, "HEAR_SECONDS", HEAR)
    heard = 0
    sent: list[Message] = []

    async def receive() -> Message:
        nonlocal heard
        heard += 1
        await asyncio.sleep(0 if heard == 1 else HEAR / 10)
        if heard == 1:
            time.sleep(HEAR * 2)  # noqa: ASYNC251 - the machine does something else meanwhile
        return {"type": "http.request", "body": b"a", "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(5):
        await HearingOut(PlainTextResponse("no", status_code=401))(POST, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 401
