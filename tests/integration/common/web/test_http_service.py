"""A service that answers calls, as a process: how it starts, what it answers by itself, and how it ends."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.support.ports import free_port
from tests.support.stack import ROOT
from tests.support.waiting import eventually


@asynccontextmanager
async def probe(**environment: str) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.probe_http_service",
        cwd=ROOT,
        env=os.environ | {"LEADFLOW_HTTP_PORT": str(port)} | environment,
        stdout=PIPE,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_ready(client: httpx.AsyncClient) -> None:
    async def ready() -> httpx.Response | None:
        try:
            return await client.get("/health/ready")
        except httpx.TransportError:
            return None

    assert (await eventually(ready, what="an answer")).json() == {"status": "ok"}


async def test_it_answers_calls_and_refusals_and_closes_what_it_held() -> None:
    async with probe() as (process, client):
        await until_ready(client)
        assert (await client.get("/door")).json() == "open"
        refused = await client.get("/door", params={"code": "shut"})
        assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
        assert refused.json() == {
            "type": "urn:leadflow:problem:shut",
            "title": "Shut",
            "status": 409,
            "code": "shut",
            "detail": "Shut",
            "remedy": "Come again.",
            "errors": [{"row": 1, "column": None, "code": "why", "message": "because"}],
            "total_errors": 1,
        }
        assert "leadflow_" in (await client.get("/metrics")).text
        assert (await client.get("/openapi.json")).json()["info"]["title"] == "Probe"
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        lines = output.decode().splitlines()
        assert [line for line in lines if line in {"start", "close"}] == ["start", "close"]
        assert any('"stopped"' in line for line in lines)


async def test_every_error_is_a_problem() -> None:
    async with probe() as (_, client):
        await until_ready(client)
        for method, path, code, status in [
            ("GET", "/nowhere", "not_found", 404),
            ("POST", "/door", "method_not_allowed", 405),
            ("GET", "/door?code=away", "unavailable", 503),
            ("GET", "/door?code=unheard-of", "internal_error", 500),
        ]:
            answer = await client.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers.get("Retry-After") == ("5" if status == 503 else None)


async def test_a_service_that_cannot_start_closes_what_it_held_and_ends() -> None:
    async with probe(PROBE_START="fails") as (process, _):
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 3
        assert b"cannot start" in output
        assert output.index(b"close") > output.index(b"start\n")
