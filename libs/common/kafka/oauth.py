"""Tokens for Kafka's OAUTHBEARER: fetched once for all connections, and again shortly before they end."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_plus

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError
from pydantic import SecretStr

from libs.common.settings import KafkaSettings, WrongKafkaSettings

FETCH_SECONDS = 10.0
"""How long an identity provider may take."""
LEAST_LIFE_SECONDS = 60.0
"""A token that ends so soon is replaced; one that lives for less than five times as long, in its last fifth."""
DEFAULT_LIFE_SECONDS = 300.0
"""Of a token whose giver does not say."""
MOST_BYTES = 1024 * 1024
"""Of an identity provider's answer."""

_REFUSALS = frozenset(
    [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    ]
)
"""RFC 6749, 5.2. Whatever else stands there may quote what it was sent."""


class NoToken(KafkaConnectionError):  # type: ignore[misc]
    """The identity provider gave no token; ask again later.

    One of aiokafka's own errors, because its background tasks survive no others.
    """


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and how many seconds it is good for from now on."""

    text: str
    seconds: float


class Tokens(AbstractTokenProvider):  # type: ignore[misc]
    """Gives every connection the same token while it lives. One fetch at a time; the others wait for it."""

    def __init__(
        self, fetch: Callable[[], Awaitable[Token]], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._text = ""
        self._ends = self._replace_from = float("-inf")
        self._lock: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    async def token(self) -> str:
        """Return a token that is good. Raises NoToken."""
        async with self._lock_of_this_loop():
            now = self._monotonic()
            if now < self._replace_from:
                return self._text
            try:
                token = await self._fetch()
            except NoToken:
                if now < self._ends:
                    return self._text  # it is still good; the next connection asks again
                raise
            self._text, self._ends = token.text, now + token.seconds
            self._replace_from = self._ends - min(LEAST_LIFE_SECONDS, token.seconds / 5)
            return self._text

    def _lock_of_this_loop(self) -> asyncio.Lock:
        # A command runs several loops, one after the other, and a lock belongs to one.
        loop = asyncio.get_running_loop()
        if self._lock is None or self._lock[0] is not loop:
            self._lock = loop, asyncio.Lock()
        return self._lock[1]


def token_provider(settings: KafkaSettings) -> AbstractTokenProvider | None:
    """Return what gives this process its tokens, the same for equal settings; None where none are needed.

    Raises WrongKafkaSettings when Amazon's signer is asked for and not installed.
    """
    if settings.kafka_sasl_mechanism == "OAUTHBEARER":
        secret = settings.kafka_oauth_client_secret
        return _client_credentials(
            settings.kafka_oauth_token_url or "",
            settings.kafka_oauth_client_id or "",
            secret if secret is not None else SecretStr(""),
            settings.kafka_oauth_scope,
        )
    if settings.kafka_sasl_mechanism == "AWS_MSK_IAM":
        return _signed_by_aws(settings.kafka_aws_region or "")
    return None


@cache
def _client_credentials(url: str, client_id: str, secret: SecretStr, scope: str | None) -> Tokens:
    async def fetch() -> Token:
        import aiohttp  # noqa: PLC0415 - only who gets tokens so waits for it

        form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        # Both are quoted before they are put together (RFC 6749, 2.3.1).
        login = aiohttp.encode_basic_auth(_quoted(client_id), _quoted(secret.get_secret_value()))
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
                session.post(url, data=form, headers={"Authorization": login}) as answer,
            ):
                status, body = answer.status, json.loads(await answer.content.read(MOST_BYTES))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise NoToken(f"the identity provider does not answer: {type(error).__name__}") from None
        return _token_of(status, body)

    return Tokens(fetch)


def _quoted(text: str) -> str:
    return quote_plus(text, safe="~")


def _token_of(status: int, body: Any) -> Token:
    """Read RFC 6749's answer (5.1 and 5.2). Raises NoToken, which says the refusal's code and nothing else of it."""
    found = body if isinstance(body, dict) else {}
    text = found.get("access_token")
    if status != HTTPStatus.OK or not isinstance(text, str) or not text:
        code = str(found.get("error", "no code"))
        raise NoToken(f"the identity provider answers {status}, {code if code in _REFUSALS else 'no known code'}")
    seconds = found.get("expires_in", DEFAULT_LIFE_SECONDS)
    return Token(text, float(seconds) if str(seconds).isdigit() else DEFAULT_LIFE_SECONDS)


@cache
def _signed_by_aws(region: str) -> Tokens:
    try:
        import aws_msk_iam_sasl_signer as signer  # noqa: PLC0415 - only who asks for it needs to have it
    except ModuleNotFoundError:
        raise WrongKafkaSettings(
            "LEADFLOW_KAFKA_SASL_MECHANISM=AWS_MSK_IAM needs Amazon's signer, which is not installed: the extra msk,"
            " or requirements/msk.txt"
        ) from None

    def sign() -> Token:
        text, ends_ms = signer.MSKAuthTokenProvider.generate_auth_token(region)
        return Token(text, ends_ms / 1000 - time.time())

    async def fetch() -> Token:
        # It asks the machine, or AWS, for credentials, and blocks meanwhile.
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return await asyncio.to_thread(sign)
        except Exception as error:  # noqa: BLE001 - whatever the signer and botocore raise: aiokafka knows none of it
            raise NoToken(f"no credentials of AWS: {type(error).__name__}") from None

    return Tokens(fetch)
