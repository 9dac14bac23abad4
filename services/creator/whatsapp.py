"""The WhatsApp provider's HTTP API: asks whether a phone has WhatsApp."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus

import aiohttp
import stamina
import structlog

from libs.common.errors import BadDay, BadMessage
from libs.contracts.lead_import.internal.messages import LiveRows
from services.creator.settings import Settings

CHECK_PATH = "/v1/contacts/check"
LONGEST_WAIT_SECONDS = 10.0
"""A longer ``Retry-After`` of the provider is cut to this."""
TRY_AGAIN_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
REFUSED_STATUSES = frozenset({400, 422})
"""The provider calls the question itself wrong: it will say so again."""

log = structlog.get_logger()


class ProviderAway(BadDay):
    """The provider did not answer usefully; nothing is known of the phone. ``seconds`` to wait, when it said so."""

    def __init__(self, message: str, *, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class CircuitBreaker:
    """Stops calls for a while after too many failures in a row, then lets one try."""

    def __init__(self, *, failures: int, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._seconds = seconds
        self._monotonic = monotonic
        self._failures = 0
        self._open_until = 0.0

    def check(self) -> None:
        """Raise ProviderAway while the circuit is open."""
        if self._monotonic() < self._open_until:
            raise ProviderAway("the WhatsApp provider's circuit is open")

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= self._limit:
            # One below the limit: after the pause one call is let through as a trial, and if that fails too the circuit
            # opens again at once.
            self._failures = self._limit - 1
            self._open_until = self._monotonic() + self._seconds
            log.warning("circuit of the WhatsApp provider opened", seconds=self._seconds)


class WhatsApp:
    """Asks for many phones at once, within the concurrency limit."""

    def __init__(self, settings: Settings) -> None:
        token = settings.whatsapp_token
        self._url = settings.whatsapp_url.rstrip("/") + CHECK_PATH
        self._headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        self._timeout = aiohttp.ClientTimeout(settings.whatsapp_timeout_seconds)
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(settings.whatsapp_concurrency)
        self._attempts = settings.whatsapp_attempts
        self._breaker = CircuitBreaker(
            failures=settings.whatsapp_breaker_failures, seconds=settings.whatsapp_breaker_seconds
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def absent(self, live: LiveRows, indexes: Sequence[int]) -> list[int]:
        """Return those of ``indexes`` whose phone has no WhatsApp.

        Raises ProviderAway when the provider cannot be asked: then nothing is known of any of them; BadMessage
        when it refuses a phone.
        """
        try:
            async with asyncio.TaskGroup() as group:
                answers = [
                    group.create_task(self._is_on_whatsapp(f"+{live.dial_code[index]}{live.phone[index]}"))
                    for index in indexes
                ]
        except ExceptionGroup as failures:
            refused = failures.subgroup(BadMessage)
            raise refused.exceptions[0] if refused else ProviderAway(str(failures.exceptions[0])) from None
        return [index for index, answer in zip(indexes, answers, strict=True) if not answer.result()]

    async def _is_on_whatsapp(self, phone: str) -> bool:
        async with self._slots:
            async for attempt in stamina.retry_context(
                on=_may_pass, attempts=self._attempts, timeout=None, wait_initial=0.1, wait_max=2.0
            ):
                with attempt:
                    return await self._ask(phone)
        raise AssertionError("the retry loop returns or raises")

    async def _ask(self, phone: str) -> bool:
        self._breaker.check()
        try:
            async with self._open_session().post(self._url, json={"phone": phone}, allow_redirects=False) as response:
                answer = await _read(response)
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            self._breaker.failed()
            raise ProviderAway(f"the WhatsApp provider failed: {type(error).__name__}") from None
        except ProviderAway:
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        return answer

    def _open_session(self) -> aiohttp.ClientSession:
        """Return the one session, opened by the first call: aiohttp wants that within the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bool:
    if response.status in TRY_AGAIN_STATUSES:
        raise ProviderAway(
            f"the WhatsApp provider answered {response.status}",
            seconds=_retry_after(response.headers.get("Retry-After")),
        )
    if response.status in REFUSED_STATUSES:
        raise BadMessage(f"the WhatsApp provider refused the question: {response.status}")
    if response.status != HTTPStatus.OK:
        raise ProviderAway(f"the WhatsApp provider answered {response.status}")
    return bool(json.loads(await response.read())["on_whatsapp"])


def _retry_after(header: str | None) -> float | None:
    return min(float(header), LONGEST_WAIT_SECONDS) if header and header.isdigit() else None


def _may_pass(error: Exception) -> bool | float:
    """Tell stamina whether to try again, and when the provider said when."""
    if not isinstance(error, ProviderAway):
        return False
    return True if error.seconds is None else error.seconds
