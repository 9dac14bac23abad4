"""The relay: publishes what its sources hold. Any number of relays may run beside each other."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from faststream.kafka import KafkaBroker
from opentelemetry import context

from libs.common.errors import describe
from libs.common.outbox.event_outbox import LONGEST_DELAY_SECONDS
from libs.common.outbox.metrics import OUTBOX_FAILED, OUTBOX_PUBLISHED
from libs.common.outbox.source import Outgoing, Source
from libs.common.stores.postgres import Postgres
from libs.common.traces import trace_context
from libs.common.trouble import Trouble

LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one source gave in one turn, and what came of each message: None when Kafka has it."""

    source: Source
    messages: Sequence[Outgoing]
    errors: Sequence[Exception | None]

    @property
    def published(self) -> list[Outgoing]:
        return [message for message, error in zip(self.messages, self.errors, strict=True) if error is None]

    @property
    def failed(self) -> list[Outgoing]:
        return [message for message, error in zip(self.messages, self.errors, strict=True) if error is not None]


class Relay:
    """Publishes until ``stop``. ``wake`` saves the wait for the next poll after a commit of this process."""

    def __init__(
        self,
        postgres: Postgres,
        broker: KafkaBroker,
        *,
        service: str,
        sources: Sequence[Source],
        poll_seconds: float,
        new_lease: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self.trouble = Trouble("relay", service=service)
        self._postgres = postgres
        self._broker = broker
        self._service = service
        self._sources = sources
        self._poll_seconds = poll_seconds
        self._new_lease = new_lease
        self._woken = asyncio.Event()
        self._stopped = False

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._stopped = True
        self.wake()

    async def run(self) -> None:
        """Relay for ever. A server that is away is waited for with a growing pause."""
        failures, failed_at = 0, 0.0
        while not self._stopped:
            self._woken.clear()
            pause = self._poll_seconds
            try:
                published = await self.relay_once()
                if published:
                    pause = 0.0
                # A turn in which nothing was due says nothing: what failed comes again after its delay.
                if published or time.monotonic() - failed_at > LONGEST_DELAY_SECONDS:
                    self.trouble.works()
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, the rows stay and the next turn tries again
                failures, failed_at = failures + 1, time.monotonic()
                pause = min(LONGEST_PAUSE_SECONDS, 0.1 * 2**failures)
                self.trouble.fails(describe(error))
            await self._pause(pause)

    async def _pause(self, seconds: float) -> None:
        if seconds == 0.0 or self._stopped:
            return
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return

    async def relay_once(self) -> int:
        """Publish what is due now; return how much that was. Raises the first error of a publication."""
        lease = self._new_lease()
        async with self._postgres.transaction() as connection:
            claimed = [await source.claim(connection, lease=lease) for source in self._sources]
        if not any(claimed):
            return 0
        errors = iter(await self._publish_all([message for messages in claimed for message in messages]))
        turns = [
            _Turn(source, messages, [next(errors) for _ in messages])
            for source, messages in zip(self._sources, claimed, strict=True)
        ]
        async with self._postgres.transaction() as connection:
            for turn in turns:
                if turn.published:
                    await turn.source.published(connection, turn.published, lease=lease)
                if turn.failed:
                    await turn.source.failed(connection, turn.failed, lease=lease)
        for turn in turns:
            OUTBOX_PUBLISHED.labels(self._service, turn.source.kind).inc(len(turn.published))
            OUTBOX_FAILED.labels(self._service, turn.source.kind).inc(len(turn.failed))
        for error in (error for turn in turns for error in turn.errors):
            if error is not None:
                raise error
        return sum(len(turn.messages) for turn in turns)

    async def _publish_all(self, messages: Sequence[Outgoing]) -> list[Exception | None]:
        """Publish the messages together; return each one's error, or None."""
        results = await asyncio.gather(*map(self._publish, messages), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, Exception):
                raise result
        return [result if isinstance(result, Exception) else None for result in results]

    async def _publish(self, message: Outgoing) -> None:
        # The span of the publication continues the trace of the request that wrote the message.
        token = context.attach(trace_context(message.headers))
        try:
            await self._broker.publish(
                message.payload, topic=message.topic, key=message.key.encode(), headers=message.headers
            )
        finally:
            context.detach(token)
