"""The WhatsApp provider's HTTP API: asks whether phones have WhatsApp, at the provider's pace."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import aiohttp
import structlog

from services.creator.metrics import PROVIDER_SECONDS
from services.creator.questions import Kind, Question, Reply, Said, reply_of
from services.creator.settings import Settings

CHECK_PATH = "/v1/contacts/check"
LONGEST_WAIT_SECONDS = 10.0
"""A longer ``Retry-After`` of the provider is cut to this."""
SHORTEST_WAIT_SECONDS = 0.5
"""The first wait after a refusal that does not say how long; it doubles with each refusal that follows."""

_OUTCOMES = {Kind.PHONES_FAULT: "phone", Kind.PROVIDERS_FAULT: "provider", Kind.THROTTLED: "throttled"}

log = structlog.get_logger()


@dataclass(slots=True)
class Replies:
    """What came of a portion of questions, by their rows. Rows that are in none of these were not asked."""

    said: dict[int, Said] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    """The provider failed at this phone: its own fault, when others are answered meanwhile."""
    calls: int = 0
    """Calls that were made and not throttled."""
    trouble: str = ""
    """The last failure, in words that name no phone; also of calls that are no phone's fault."""
    circuit_is_open: bool = False


class CircuitBreaker:
    """Stops calls for a while after too many failures in a row, then lets one try."""

    def __init__(self, *, failures: int, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._seconds = seconds
        self._monotonic = monotonic
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        return self._monotonic() < self._open_until

    def succeeded(self) -> None:
        self._failures, self._open_until = 0, 0.0

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= self._limit:
            # One below the limit: after the pause one call is let through as a trial, and if that fails too the circuit
            # opens again at once.
            self._failures = self._limit - 1
            self._open_until = self._monotonic() + self._seconds
            log.warning("circuit of the WhatsApp provider opened", seconds=self._seconds)


class Pace:
    """How long nobody is asked because the provider wants fewer calls; one for the process, as its limit is."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._free_at = 0.0
        self._own_wait = SHORTEST_WAIT_SECONDS

    @property
    def wait(self) -> float:
        """Return the seconds until the next call."""
        return max(0.0, self._free_at - self._monotonic())

    def throttled(self, seconds: float | None) -> None:
        """Wait as long as the provider says, or longer each time when it does not say."""
        if seconds is None:
            seconds, self._own_wait = self._own_wait, 2 * self._own_wait
        self._free_at = max(self._free_at, self._monotonic() + min(seconds, LONGEST_WAIT_SECONDS))

    def answered(self) -> None:
        self._own_wait = SHORTEST_WAIT_SECONDS


class WhatsApp:
    """Asks for many phones at once, within the concurrency limit, which all chunks of the process share."""

    def __init__(
        self,
        settings: Settings,
        *,
        stopping: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        token = settings.whatsapp_token
        self._url = settings.whatsapp_url.rstrip("/") + CHECK_PATH
        self._headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        self._timeout = aiohttp.ClientTimeout(settings.whatsapp_timeout_seconds)
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(settings.whatsapp_concurrency)
        self._stopping = stopping
        self._monotonic = monotonic
        self._breaker = CircuitBreaker(
            failures=settings.whatsapp_breaker_failures,
            seconds=settings.whatsapp_breaker_seconds,
            monotonic=monotonic,
        )
        self._pace = Pace(monotonic=monotonic)
        self.heard_at = float("-inf")
        """When the provider last answered about whatever phone, by the monotonic clock."""

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, questions: Sequence[Question], *, until: float, trial: bool = False) -> Replies:
        """Ask each question once. No call begins after ``until``, by the monotonic clock, nor when the service stops.

        Nor while the circuit is open, unless it is a ``trial``, whose answer closes it. A call that the provider
        throttles was not heard: it is made again, after the pause that the provider wants. Raises nothing; what went
        wrong is in the replies.
        """
        replies = Replies()
        async with asyncio.TaskGroup() as group:
            for question in questions:
                group.create_task(self._ask_one(question, replies, until, trial=trial))
        replies.circuit_is_open = replies.circuit_is_open or self._breaker.is_open
        return replies

    async def _ask_one(self, question: Question, replies: Replies, until: float, *, trial: bool) -> None:
        async with self._slots:
            while not self._stopping():
                if self._breaker.is_open and not trial:
                    replies.circuit_is_open = True
                    replies.trouble = replies.trouble or "the WhatsApp provider's circuit is open"
                    return
                wait = self._pace.wait
                if self._monotonic() + wait >= until:
                    if wait:
                        replies.trouble = replies.trouble or f"the WhatsApp provider wants no call for {wait:.0f} s"
                    return
                if wait:
                    await asyncio.sleep(wait)
                    continue
                reply = await self._call(question.phone)
                if reply.kind is not Kind.THROTTLED:
                    self._note(question, reply, replies)
                    return
                self._pace.throttled(reply.seconds)
                replies.trouble = reply.trouble

    def _note(self, question: Question, reply: Reply, replies: Replies) -> None:
        replies.calls += 1
        if reply.said is not None:
            self.heard_at = self._monotonic()
            self._breaker.succeeded()
            self._pace.answered()
            replies.said[question.row] = reply.said
            return
        replies.trouble = reply.trouble
        if reply.kind is Kind.PHONES_FAULT:
            replies.failed.add(question.row)
        # A phone at which the provider failed before, while others were answered, will make it fail again: that says
        # nothing about the provider.
        if reply.kind is Kind.PROVIDERS_FAULT or not question.failed_before:
            self._breaker.failed()

    async def _call(self, phone: str) -> Reply:
        began = self._monotonic()
        reply = await self._reply(phone)
        outcome = "answered" if reply.said is not None else _OUTCOMES[reply.kind]
        PROVIDER_SECONDS.labels(outcome).observe(self._monotonic() - began)
        return reply

    async def _reply(self, phone: str) -> Reply:
        try:
            async with self._open_session().post(self._url, json={"phone": phone}, allow_redirects=False) as response:
                return reply_of(response.status, await response.read(), response.headers.get("Retry-After"))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Reply(kind=Kind.PROVIDERS_FAULT, trouble=f"the WhatsApp provider is away: {type(error).__name__}")
        except (aiohttp.ClientError, TimeoutError) as error:
            return Reply(trouble=f"the WhatsApp provider failed: {type(error).__name__}")

    def _open_session(self) -> aiohttp.ClientSession:
        """Return the one session, opened by the first call: aiohttp wants that within the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session
