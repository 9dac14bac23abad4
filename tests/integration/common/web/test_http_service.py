"""A service that answers calls, as a process: how it starts, what it answers by itself, and how it ends."""

import asyncio
import json
import os
import re
import signal
import sys
import time
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


async def ended(process: Process) -> bytes:
    """Stop the process; return what it said."""
    process.send_signal(signal.SIGTERM)
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    return output


async def test_it_answers_calls_and_refusals_and_closes_what_it_held() -> None:
    async with probe() as (process, client):
        await until_ready(client)
        assert (await client.get("/door")).json() == "open"
        refused = await client.get("/door", params={"code": "shut"})
        assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
        assert {name: value for name, value in refused.json().items() if not name.endswith("_id")} == {
            "type": "urn:leadflow:problem:shut",
            "title": "Shut",
            "status": 409,
            "code": "shut",
            "detail": "Come again.",
            "remedy": "Come again.",
            "errors": [{"row": 1, "column": None, "code": "why", "message": "because"}],
            "total_errors": 1,
        }
        assert "leadflow_" in (await client.get("/metrics")).text
        assert (await client.get("/openapi.json")).json()["info"]["title"] == "Probe"
        output = await ended(process)
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


async def test_every_answer_has_ids_and_what_browsers_want() -> None:
    async with probe() as (process, client):
        await until_ready(client)
        for path in (
            "/door",
            "/door?code=shut",
            "/door?code=away",
            "/nowhere",
            "/openapi.json",
            "/docs",
            "/health/live",
        ):
            answer = await client.get(path)
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert len(answer.headers["x-request-id"]) == 32
            assert len(answer.headers["x-trace-id"]) == 32
            if answer.status_code >= 400:
                problem = answer.json()
                assert problem["request_id"] == answer.headers["x-request-id"]
                assert problem["trace_id"] == answer.headers["x-trace-id"]
        given = await client.get("/door?code=shut", headers={"X-Request-Id": "gateway-1:2"})
        assert given.headers["x-request-id"] == given.json()["request_id"] == "gateway-1:2"
        for unsound in ('a"b', "a b", "x" * 65, ""):
            answer = await client.get("/door", headers={"X-Request-Id": unsound})
            assert len(answer.headers["x-request-id"]) == 32
        lines = [json.loads(line) for line in (await ended(process)).decode().splitlines() if line.startswith("{")]
        (refusal,) = [line for line in lines if line.get("request_id") == "gateway-1:2"]
        assert (refusal["event"], refusal["code"], refusal["status"]) == ("refused", "shut", 409)


async def test_a_connection_outlives_an_error() -> None:
    """Whoever sends the next request on it would get no answer."""
    async with probe() as (process, client):
        await until_ready(client)
        reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        for _ in range(3):
            for code, status in (("away", 503), ("unheard-of", 500)):
                writer.write(f"GET /door?code={code} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
                assert head.startswith(f"HTTP/1.1 {status}".encode())
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                assert len(await reader.readexactly(length)) == length
        writer.close()
        assert b"Exception in ASGI application" not in await ended(process)


async def test_who_hangs_up_with_a_request_behind_the_one_at_work_is_no_fault_of_ours() -> None:
    """The answer at work would be written to a connection that is no more, and that error be logged as unforeseen."""
    async with probe() as (process, client):
        await until_ready(client)
        reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write(b"GET /many/100000 HTTP/1.1\r\nHost: x\r\n\r\nGET /door HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"xxxx"), 10)
        writer.transport.abort()
        assert process.stdout is not None
        said = await asyncio.wait_for(process.stdout.readuntil(b"many ended"), 10)
        said += await ended(process)
        assert b"RuntimeError" not in said
        assert b'"error"' not in said


async def test_head_is_answered_as_get_without_a_body() -> None:
    async with probe() as (process, client):
        await until_ready(client)
        for path, status in (("/door", 200), ("/door?code=shut", 409), ("/nowhere", 404), ("/many/1000", 200)):
            answer = await client.head(path)
            assert (answer.status_code, answer.content) == (status, b"")
        assert (await client.get("/door")).json() == "open"
        assert b"many ended" in await ended(process)


async def test_an_address_with_a_slash_too_many_is_not_found() -> None:
    """A redirection would name the host that the caller named, in plain HTTP behind a gateway."""
    async with probe() as (_, client):
        await until_ready(client)
        for path in ("/door/", "/docs/", "/health/live/"):
            answer = await client.get(path, headers={"Host": "elsewhere.example.com"})
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_readiness_is_looked_up_once_a_second_for_all() -> None:
    async with probe() as (process, client):
        await until_ready(client)
        began = time.monotonic()
        answers = await asyncio.gather(*(client.get("/health/ready") for _ in range(300)))
        seconds = time.monotonic() - began
        assert {answer.status_code for answer in answers} == {200}
        assert (await ended(process)).count(b"looked") <= 2 + seconds


async def test_a_port_of_its_own_has_metrics_and_reasons_and_the_public_one_neither() -> None:
    port = free_port()
    async with probe(LEADFLOW_HTTP_PRIVATE_PORT=str(port), PROBE_STUCK="the store is away") as (process, client):

        async def answers() -> httpx.Response | None:
            try:
                return await client.get("/health/ready")
            except httpx.TransportError:
                return None

        public = await eventually(answers, what="an answer")
        assert (public.status_code, public.json()) == (503, {"status": "not ready"})
        assert (await client.get("/health/live")).json() == {"status": "ok"}
        assert (await client.get("/metrics")).status_code == 404
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as private:
            assert (await private.get("/health/ready")).json() == {"status": "not ready", "reason": "the store is away"}
            assert "leadflow_" in (await private.get("/metrics")).text
            assert (await private.get("/door")).status_code == 404
            assert b'"stopped"' in await ended(process)


async def test_a_gateway_may_show_it_below_a_path() -> None:
    async with probe(LEADFLOW_HTTP_ROOT_PATH="/shop") as (_, client):
        await until_ready(client)
        for prefix in ("", "/shop"):
            assert (await client.get(f"{prefix}/door")).json() == "open"
        assert (await client.get("/openapi.json")).json()["servers"] == [{"url": "/shop"}]
        assert 'src="/shop/docs/start.js"' in (await client.get("/docs")).text


async def test_calls_of_its_own_may_begin_as_the_path_that_a_gateway_shows_it_below() -> None:
    async with probe(LEADFLOW_HTTP_ROOT_PATH="/door") as (_, client):
        await until_ready(client)
        for prefix in ("", "/door"):
            assert (await client.get(f"{prefix}/door")).json() == "open"
            assert (await client.get(f"{prefix}/who")).json() == "127.0.0.1"
            answer = await client.delete(f"{prefix}/door")
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        assert (await client.get("/door/door/door")).status_code == 404
        assert (await client.get("/doors")).status_code == 404


async def test_nobody_says_of_himself_where_he_calls_from() -> None:
    """A service that believes proxies has a list of them; uvicorn alone would believe whoever is on this machine."""
    said = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
    async with probe(FORWARDED_ALLOW_IPS="*") as (_, client):
        await until_ready(client)
        assert (await client.get("/who", headers=said)).json() == "127.0.0.1"


async def test_browsers_may_call_from_the_pages_that_are_named_and_no_others() -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    async with probe(LEADFLOW_HTTP_CORS_ORIGINS="https://CRM.example.com/, https://b.example.com") as (_, client):
        await until_ready(client)
        for origin, allowed in (("https://crm.example.com", True), ("https://evil.example.com", False)):
            before = await client.options("/door", headers={"Origin": origin} | asked)
            for code, status in ((None, 200), ("shut", 409), ("away", 503), ("unknown", 500)):
                answer = await client.get("/door", headers={"Origin": origin}, params={"code": code} if code else {})
                assert answer.status_code == status
                assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None), status
            nowhere = await client.get("/nowhere", headers={"Origin": origin})
            for each in (before, nowhere):
                assert each.headers.get("access-control-allow-origin") == (origin if allowed else None)
    async with probe() as (_, client):
        await until_ready(client)
        answer = await client.options("/door", headers={"Origin": "https://crm.example.com"} | asked)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


async def test_a_page_may_make_every_call_and_read_all_that_an_answer_says() -> None:
    """A browser asks before a call with a token, a key or another method, and hides headers that are not named."""
    origin = "https://crm.example.com"
    sent = "Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, X-Request-Id"
    async with probe(LEADFLOW_HTTP_CORS_ORIGINS=origin) as (_, client):
        await until_ready(client)
        for method in ("GET", "HEAD", "POST", "PATCH", "DELETE"):
            asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": sent}
            before = await client.options("/door", headers=asked)
            assert before.status_code == 200, (method, before.text)
            allowed = {name.lower() for name in before.headers["access-control-allow-headers"].split(", ")}
            assert allowed >= set(sent.lower().split(", "))
        for asked in ({"Access-Control-Request-Method": "PUT"}, {"Access-Control-Request-Headers": "X-Other"}):
            refused = await client.options(
                "/door", headers={"Origin": origin, "Access-Control-Request-Method": "GET"} | asked
            )
            assert refused.status_code == 400, asked
        answer = await client.get("/door", headers={"Origin": origin})
        told = set(answer.headers["access-control-expose-headers"].split(", "))
        limits = {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}
        assert told == limits | {"Content-Disposition", "Content-Language", "ETag", "Location", "Retry-After"} | {
            "X-Request-Id",
            "X-Trace-Id",
        }
        assert "access-control-allow-credentials" not in answer.headers, "tokens are sent, not cookies"


async def test_the_page_of_calls_has_nothing_from_another_host() -> None:
    async with probe() as (_, client):
        await until_ready(client)
        page = await client.get("/docs")
        assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
        assert "<script>" not in page.text
        loaded = re.findall(r'(?:src|href|data-document)="([^"]+)"', page.text)
        assert len(loaded) == 5
        for path in loaded:
            assert path.startswith("/")
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert len(answer.content) > 100
        assert (await client.get("/redoc")).status_code == 404
