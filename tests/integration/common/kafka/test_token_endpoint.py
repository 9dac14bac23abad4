"""How tokens are asked for, and what an identity provider may answer."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from libs.common.kafka import oauth
from libs.common.kafka.oauth import NoToken, token_provider
from libs.common.settings import KafkaSettings
from tests.support.token_endpoint import good, token_endpoint

CLIENT, SECRET = "leadflow:api", "a secret+with/odd:characters%&é"


def tokens_from(url: str, **more: Any) -> Any:
    return token_provider(
        KafkaSettings(
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="OAUTHBEARER",
            kafka_oauth_token_url=url,
            kafka_oauth_client_id=CLIENT,
            kafka_oauth_client_secret=SECRET,
            **more,
        )
    )


async def test_a_token_is_asked_for_by_client_credentials_and_kept() -> None:
    async with token_endpoint(good("the token")) as endpoint:
        tokens = tokens_from(endpoint.url, kafka_oauth_scope="kafka")
        assert [await tokens.token() for _ in range(3)] == ["the token"] * 3
        assert endpoint.asked == [(CLIENT, SECRET, {"grant_type": "client_credentials", "scope": "kafka"})]
        await tokens_from(endpoint.url).token()
        assert endpoint.asked[1:] == [(CLIENT, SECRET, {"grant_type": "client_credentials"})]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: web.json_response({"error": "invalid_client"}, status=401), "401, invalid_client"),
        (lambda: web.json_response({"error": f"no {SECRET}"}, status=400), "400, no known code"),
        (lambda: web.Response(status=503, text="<html>away</html>"), "does not answer: JSONDecodeError"),
        (lambda: web.json_response(["no object"]), "200, no known code"),
        (lambda: web.json_response({"token": "under another name"}), "200, no known code"),
    ],
)
async def test_what_is_no_token_is_said_without_what_was_sent(answer: Callable[[], web.Response], said: str) -> None:
    async with token_endpoint(answer) as endpoint:
        with pytest.raises(NoToken) as caught:
            await tokens_from(endpoint.url).token()
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


async def test_a_provider_that_hangs_or_is_away_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth, "FETCH_SECONDS", 0.2)
    async with token_endpoint(good("late")) as endpoint:
        endpoint.delay_seconds = 5
        with pytest.raises(NoToken, match="TimeoutError"):
            await tokens_from(endpoint.url).token()
        url = endpoint.url
    with pytest.raises(NoToken, match="does not answer"):
        await tokens_from(url).token()
