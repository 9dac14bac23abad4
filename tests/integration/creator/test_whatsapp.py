"""The WhatsApp adapter against the fake provider: answers, refusals, a provider that is slow, broken or away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from services.creator.questions import Question, Said
from services.creator.settings import Settings
from services.creator.whatsapp import Replies, WhatsApp
from tests.support.chunks import phones
from tests.support.ports import free_port
from tests.support.whatsapp import Provider

PRESENT, ABSENT = "11981234567", "11981230000"


@asynccontextmanager
async def adapter(url: str, **changes: Any) -> AsyncIterator[WhatsApp]:
    settings = Settings(whatsapp_url=url, **{"whatsapp_timeout_seconds": 2, **changes})
    whatsapp = WhatsApp(settings)
    try:
        yield whatsapp
    finally:
        await whatsapp.close()


async def ask(
    whatsapp: WhatsApp, *numbers: str, seconds: float = 30, failed_before: bool = False, trial: bool = False
) -> Replies:
    """Ask for Brazilian numbers; the rows are 0, 1, 2 …"""
    questions = [Question(row, f"+55{number}", failed_before) for row, number in enumerate(numbers)]
    return await whatsapp.ask(questions, until=time.monotonic() + seconds, trial=trial)


async def recovers(provider: Provider, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await provider.behave()


async def test_numbers_are_answered_by_their_rows(provider: Provider) -> None:
    async with adapter(provider.url) as whatsapp:
        replies = await ask(whatsapp, PRESENT, ABSENT, PRESENT)
        assert replies == Replies(said={0: Said.PRESENT, 1: Said.ABSENT, 2: Said.PRESENT}, calls=3)
        assert time.monotonic() - whatsapp.heard_at < 5
    assert (await provider.seen())["answered"] == 3


def calls(outcome: str) -> float:
    return REGISTRY.get_sample_value("leadflow_provider_call_seconds_count", {"outcome": outcome}) or 0


async def test_calls_are_counted_by_what_came_of_them(provider: Provider) -> None:
    before = {outcome: calls(outcome) for outcome in ("answered", "phone", "provider")}
    async with adapter(provider.url) as whatsapp:
        await ask(whatsapp, PRESENT, ABSENT)
    await provider.behave("error")
    async with adapter(provider.url) as whatsapp:
        await ask(whatsapp, PRESENT)
    async with adapter(f"http://127.0.0.1:{free_port()}") as whatsapp:
        await ask(whatsapp, PRESENT)
    made = {outcome: calls(outcome) - count for outcome, count in before.items()}
    assert made == {"answered": 2, "phone": 1, "provider": 1}


async def test_without_questions_nobody_is_asked(provider: Provider) -> None:
    async with adapter(provider.url) as whatsapp:
        assert await ask(whatsapp) == Replies()
    assert (await provider.seen())["requests"] == 0


async def test_a_refused_number_leaves_the_others_alone(provider: Provider) -> None:
    async with adapter(provider.url) as whatsapp:
        assert (await ask(whatsapp, PRESENT, "98")).said == {0: Said.PRESENT, 1: Said.REFUSED}
    assert (await provider.seen())["refused"] == 1


@pytest.mark.parametrize("mode", ["error", "drop", "hang"])
async def test_a_call_that_fails_is_no_answer_and_is_not_repeated(provider: Provider, mode: str) -> None:
    await provider.behave(mode)
    async with adapter(provider.url, whatsapp_timeout_seconds=0.2) as whatsapp:
        replies = await ask(whatsapp, PRESENT)
    assert (replies.said, replies.failed, replies.circuit_is_open) == ({}, {0}, False)
    assert replies.trouble
    assert PRESENT not in replies.trouble
    assert (await provider.seen())["requests"] == 1


async def test_a_provider_that_is_not_there_or_refuses_our_credentials_is_no_numbers_fault(provider: Provider) -> None:
    async with adapter(f"http://127.0.0.1:{free_port()}") as whatsapp:
        replies = await ask(whatsapp, PRESENT)
    assert (replies.said, replies.failed) == ({}, set())
    assert "ClientConnectorError" in replies.trouble
    await provider.behave("forbid")
    async with adapter(provider.url) as whatsapp:
        replies = await ask(whatsapp, PRESENT)
    assert (replies.said, replies.failed) == ({}, set())
    assert "401" in replies.trouble


async def test_a_throttled_call_waits_as_long_as_the_provider_says_and_is_made_again(provider: Provider) -> None:
    await provider.behave("throttle")
    async with adapter(provider.url) as whatsapp:
        began = time.monotonic()
        recovering = asyncio.create_task(recovers(provider, 0.5))
        assert (await ask(whatsapp, PRESENT, ABSENT)).said == {0: Said.PRESENT, 1: Said.ABSENT}
        assert time.monotonic() - began >= 1.0, "Retry-After: 1"
        await recovering


async def test_a_throttled_call_for_which_there_is_no_time_was_not_made(provider: Provider) -> None:
    await provider.behave("throttle")
    async with adapter(provider.url) as whatsapp:
        began = time.monotonic()
        replies = await ask(whatsapp, PRESENT, ABSENT, seconds=0.8)
        assert time.monotonic() - began < 0.8, "it is known at once that a second is too long"
    assert (replies.said, replies.failed) == ({}, set())
    assert "429" in replies.trouble


async def test_the_provider_is_asked_at_its_own_pace(provider: Provider) -> None:
    await provider.behave(rate=50)
    async with adapter(provider.url) as whatsapp:
        began = time.monotonic()
        assert len((await ask(whatsapp, *phones(120))).said) == 120
        seconds = time.monotonic() - began
    seen = await provider.seen()
    assert 1 < seconds < 10
    assert seen["throttled"] <= 10 * seconds, "calls in flight, for each pause"
    assert set((await provider.asked()).values()) == {1}


async def test_no_call_begins_when_the_time_is_over(provider: Provider) -> None:
    await provider.behave(delay_ms=200)
    async with adapter(provider.url, whatsapp_concurrency=2) as whatsapp:
        replies = await ask(whatsapp, *phones(100), seconds=0.5)
    assert 2 <= len(replies.said) <= 6
    assert not replies.failed


async def test_no_call_begins_when_the_service_stops(provider: Provider) -> None:
    await provider.behave(delay_ms=50)
    stopping = asyncio.Event()
    whatsapp = WhatsApp(Settings(whatsapp_url=provider.url, whatsapp_concurrency=2), stopping=stopping.is_set)
    asking = asyncio.create_task(ask(whatsapp, *phones(100)))
    await asyncio.sleep(0.3)
    stopping.set()
    replies = await asyncio.wait_for(asking, 1)
    assert 2 <= len(replies.said) <= 14
    assert (replies.failed, replies.trouble) == (set(), "")
    await whatsapp.close()


@pytest.mark.parametrize("concurrency", [1, 4, 10])
async def test_no_more_calls_are_in_flight_than_the_limit(provider: Provider, concurrency: int) -> None:
    await provider.behave(delay_ms=10, limit=concurrency)
    async with adapter(provider.url, whatsapp_concurrency=concurrency) as whatsapp:
        assert len((await ask(whatsapp, *phones(40))).said) == 40
    seen = await provider.seen()
    assert seen["most_in_flight"] == concurrency
    assert (seen["requests"], seen["throttled"]) == (40, 0)


async def test_two_chunks_at_once_share_the_limit(provider: Provider) -> None:
    await provider.behave(delay_ms=10)
    async with adapter(provider.url, whatsapp_concurrency=3) as whatsapp:
        await asyncio.gather(*(ask(whatsapp, *phones(20)) for _ in range(2)))
    assert (await provider.seen())["most_in_flight"] == 3


async def test_the_circuit_opens_after_failures_in_a_row_and_the_rest_is_not_asked(provider: Provider) -> None:
    await provider.behave("hang")
    async with adapter(provider.url, whatsapp_concurrency=5, whatsapp_timeout_seconds=0.2) as whatsapp:
        began = time.monotonic()
        replies = await ask(whatsapp, *phones(100))
        assert time.monotonic() - began < 2, "a hundred timeouts by five take four seconds"
        assert replies.circuit_is_open
        await provider.behave()
        again = await ask(whatsapp, PRESENT)
        assert (again.said, again.circuit_is_open) == ({}, True)
        assert "circuit" in again.trouble
        assert (await provider.seen())["requests"] == 0, "an open circuit makes no calls"


async def test_the_answer_to_a_trial_closes_the_circuit(provider: Provider) -> None:
    await provider.behave("error")
    async with adapter(provider.url, whatsapp_breaker_failures=3) as whatsapp:
        assert (await ask(whatsapp, *phones(3))).circuit_is_open
        assert (await ask(whatsapp, PRESENT, trial=True)).circuit_is_open
        await provider.behave()
        assert (await ask(whatsapp, PRESENT, trial=True)).said
        assert (await ask(whatsapp, PRESENT)).said


async def test_numbers_that_failed_before_do_not_open_the_circuit(provider: Provider) -> None:
    await provider.behave("error")
    async with adapter(provider.url, whatsapp_breaker_failures=3) as whatsapp:
        replies = await ask(whatsapp, *phones(20), failed_before=True)
        assert (len(replies.failed), replies.circuit_is_open) == (20, False)


async def test_the_token_is_sent_as_a_bearer() -> None:
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        body = b'{"on_whatsapp": true}'
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for settings in ({"whatsapp_token": SecretStr("secret")}, {}):
            async with adapter(url, **settings) as whatsapp:
                assert (await ask(whatsapp, PRESENT)).said
    with_token, without = heads
    assert b"Authorization: Bearer secret\r\n" in with_token
    assert b"Authorization" not in without
