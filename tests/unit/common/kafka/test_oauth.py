"""Tokens for Kafka: one for all connections, in time, and never lost with the first failure."""

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from libs.common.errors import is_bad_day
from libs.common.kafka.oauth import NoToken, Token, Tokens, token_provider
from libs.common.settings import KafkaSettings


class Provider:
    """An identity provider with a clock: gives numbered tokens, or none while it is away."""

    def __init__(self, *, seconds: float = 3600) -> None:
        self.now = 1_000.0
        self.seconds = seconds
        self.given = 0
        self.away = False
        self.tokens = Tokens(self.fetch, monotonic=lambda: self.now)

    async def fetch(self) -> Token:
        await asyncio.sleep(0.01)
        if self.away:
            raise NoToken("away")
        self.given += 1
        return Token(f"token {self.given}", self.seconds)


async def test_many_connections_at_once_cost_one_fetch() -> None:
    provider = Provider()
    assert set(await asyncio.gather(*(provider.tokens.token() for _ in range(20)))) == {"token 1"}
    provider.now += 3_500
    assert await provider.tokens.token() == "token 1"
    assert provider.given == 1


@pytest.mark.parametrize(("seconds", "last"), [(3600, 3_539), (100, 79)])
async def test_a_token_is_replaced_shortly_before_its_end(seconds: float, last: float) -> None:
    provider = Provider(seconds=seconds)
    await provider.tokens.token()
    provider.now += last
    assert await provider.tokens.token() == "token 1"
    provider.now += 2
    assert await provider.tokens.token() == "token 2"


async def test_a_token_that_is_still_good_is_used_while_the_provider_is_away() -> None:
    provider = Provider()
    await provider.tokens.token()
    provider.away = True
    provider.now += 3_599
    assert await provider.tokens.token() == "token 1"
    provider.now += 2
    with pytest.raises(NoToken):
        await provider.tokens.token()
    provider.away = False
    assert await provider.tokens.token() == "token 2"


def test_a_command_that_runs_one_loop_after_another_asks_in_each() -> None:
    provider = Provider(seconds=0)

    async def at_once() -> None:
        await asyncio.gather(*(provider.tokens.token() for _ in range(3)))

    asyncio.run(at_once())
    asyncio.run(at_once())
    assert provider.given == 6


def test_no_token_is_an_error_that_aiokafkas_own_tasks_survive_and_handlers_wait_out() -> None:
    assert isinstance(NoToken("x"), KafkaError)
    assert is_bad_day(NoToken("x"))


async def test_amazons_signer_is_asked_in_a_thread_and_its_troubles_are_no_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: list[Any] = [RuntimeError("no credentials: AKIA..."), ("signed", 4_000_000_000_000)]

    def generate_auth_token(region: str) -> Any:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return f"{answer[0]} for {region}", answer[1]

    signer = SimpleNamespace(MSKAuthTokenProvider=SimpleNamespace(generate_auth_token=generate_auth_token))
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", signer)
    provider = token_provider(
        KafkaSettings(
            kafka_security_protocol="SASL_SSL", kafka_sasl_mechanism="AWS_MSK_IAM", kafka_aws_region="of-a-test-1"
        )
    )
    assert provider is not None
    with pytest.raises(NoToken) as caught:
        await provider.token()
    assert "AKIA" not in str(caught.value)
    assert await provider.token() == "signed for of-a-test-1"
    assert await provider.token() == "signed for of-a-test-1"
