"""The WhatsApp adapter against the fake provider: answers, refusals, a provider that is slow, broken or away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from libs.common.errors import BadMessage, is_bad_day
from libs.contracts.lead_import.internal.messages import LiveRows
from services.creator.settings import Settings
from services.creator.whatsapp import ProviderAway, WhatsApp
from tests.support.chunks import phones
from tests.support.imports import live_rows
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


async def absent(whatsapp: WhatsApp, live: LiveRows) -> list[int]:
    return await whatsapp.absent(live, range(len(live)))


async def recovers(provider: Provider, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await provider.behave()


async def test_numbers_that_are_not_on_whatsapp_are_told_by_their_index(provider: Provider) -> None:
    async with adapter(provider.url) as whatsapp:
        assert await absent(whatsapp, live_rows([PRESENT, ABSENT, PRESENT, ABSENT])) == [1, 3]
        assert await whatsapp.absent(live_rows([PRESENT, ABSENT]), [0]) == []
    assert (await provider.seen())["answered"] == 5


async def test_without_phones_nobody_is_asked(provider: Provider) -> None:
    async with adapter(provider.url) as whatsapp:
        assert await whatsapp.absent(live_rows([PRESENT]), []) == []
    assert (await provider.seen())["requests"] == 0


async def test_a_throttled_call_waits_as_long_as_the_provider_says(provider: Provider) -> None:
    await provider.behave("throttle")
    async with adapter(provider.url) as whatsapp:
        began = time.monotonic()
        recovering = asyncio.create_task(recovers(provider, 0.5))
        assert await absent(whatsapp, live_rows([PRESENT, ABSENT])) == [1]
        assert time.monotonic() - began >= 1.0, "Retry-After: 1"
        await recovering


@pytest.mark.parametrize("mode", ["error", "drop"])
async def test_a_call_that_fails_is_tried_again_and_the_answer_counts(provider: Provider, mode: str) -> None:
    await provider.behave(mode)
    async with adapter(provider.url, whatsapp_attempts=8) as whatsapp:
        recovering = asyncio.create_task(recovers(provider, 0.2))
        assert await absent(whatsapp, live_rows([PRESENT, ABSENT])) == [1]
        await recovering


@pytest.mark.parametrize(("mode", "counted"), [("error", "errors"), ("drop", "dropped"), ("hang", "hung")])
async def test_a_provider_that_never_answers_well_is_a_bad_day_after_so_many_attempts(
    provider: Provider, mode: str, counted: str
) -> None:
    await provider.behave(mode)
    async with adapter(provider.url, whatsapp_attempts=3, whatsapp_timeout_seconds=0.2) as whatsapp:
        with pytest.raises(ProviderAway) as away:
            await absent(whatsapp, live_rows([PRESENT]))
    assert is_bad_day(away.value)
    assert (await provider.seen())[counted] == 3


async def test_a_provider_that_is_not_there_is_a_bad_day() -> None:
    async with adapter(f"http://127.0.0.1:{free_port()}", whatsapp_attempts=2) as whatsapp:
        with pytest.raises(ProviderAway, match="ClientConnectorError"):
            await absent(whatsapp, live_rows([PRESENT]))


async def test_when_one_call_fails_nothing_is_known_of_any_and_the_others_are_given_up(provider: Provider) -> None:
    await provider.behave("hang")
    async with adapter(
        provider.url, whatsapp_attempts=1, whatsapp_concurrency=5, whatsapp_timeout_seconds=0.2
    ) as whatsapp:
        began = time.monotonic()
        with pytest.raises(ProviderAway):
            await absent(whatsapp, live_rows(phones(100)))
        assert time.monotonic() - began < 2, "a hundred timeouts by five take four seconds"
    assert (await provider.seen())["requests"] <= 10


async def test_a_question_that_the_provider_calls_wrong_is_a_bad_message_and_asked_once(provider: Provider) -> None:
    async with adapter(provider.url) as whatsapp:
        with pytest.raises(BadMessage) as refused:
            await absent(whatsapp, live_rows(["98"]))
    assert "98" not in str(refused.value)
    assert (await provider.seen())["refused"] == 1


@pytest.mark.parametrize("concurrency", [1, 4, 10])
async def test_no_more_calls_are_in_flight_than_the_limit(provider: Provider, concurrency: int) -> None:
    await provider.behave(delay_ms=10, limit=concurrency)
    async with adapter(provider.url, whatsapp_concurrency=concurrency) as whatsapp:
        assert await absent(whatsapp, live_rows(phones(40))) == []
    seen = await provider.seen()
    assert seen["most_in_flight"] == concurrency
    assert (seen["requests"], seen["throttled"]) == (40, 0)


async def test_two_chunks_at_once_share_the_limit(provider: Provider) -> None:
    await provider.behave(delay_ms=10)
    async with adapter(provider.url, whatsapp_concurrency=3) as whatsapp:
        await asyncio.gather(*(absent(whatsapp, live_rows(phones(20))) for _ in range(2)))
    assert (await provider.seen())["most_in_flight"] == 3


async def test_the_circuit_opens_after_failures_in_a_row_and_closes_after_a_pause(provider: Provider) -> None:
    await provider.behave("error")
    live = live_rows([PRESENT])
    async with adapter(
        provider.url, whatsapp_attempts=1, whatsapp_breaker_failures=3, whatsapp_breaker_seconds=0.5
    ) as whatsapp:
        for _ in range(3):
            with pytest.raises(ProviderAway, match="answered 500"):
                await absent(whatsapp, live)
        for _ in range(5):
            with pytest.raises(ProviderAway, match="circuit is open"):
                await absent(whatsapp, live)
        assert (await provider.seen())["requests"] == 3, "an open circuit makes no calls"
        await asyncio.sleep(0.5)  # the circuit is open for so long
        with pytest.raises(ProviderAway, match="answered 500"):
            await absent(whatsapp, live)
        with pytest.raises(ProviderAway, match="circuit is open"):
            await absent(whatsapp, live)
        await asyncio.sleep(0.5)  # and for as long again
        await provider.behave()
        assert await absent(whatsapp, live) == []
        assert await absent(whatsapp, live) == []


async def test_a_call_waits_out_a_short_pause_of_the_circuit(provider: Provider) -> None:
    await provider.behave("error")
    async with adapter(
        provider.url, whatsapp_attempts=20, whatsapp_breaker_failures=2, whatsapp_breaker_seconds=0.2
    ) as whatsapp:
        recovering = asyncio.create_task(recovers(provider, 0.3))
        assert await absent(whatsapp, live_rows([PRESENT])) == []
        await recovering


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
                assert await absent(whatsapp, live_rows([PRESENT])) == []
    with_token, without = heads
    assert b"Authorization: Bearer secret\r\n" in with_token
    assert b"Authorization" not in without
