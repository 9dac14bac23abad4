"""The relay: publishes what the outbox and the chunks' outbox hold. Any number may run beside each other."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog
from faststream.kafka import KafkaBroker
from opentelemetry import context

from libs.common import chunk_outbox, outbox
from libs.common.chunk_outbox import ChunkRow, Window
from libs.common.errors import describe
from libs.common.events.topics import CHUNK_ACCEPTED
from libs.common.kafka.broker import Clock, utc_now
from libs.common.observability import OUTBOX_FAILED, OUTBOX_PUBLISHED, trace_context
from libs.common.outbox import OutboxRow
from libs.common.postgres import Postgres

EVENTS_AT_ONCE = 100
LONGEST_PAUSE_SECONDS = 10.0

log = structlog.get_logger()


class Relay:
    """Publishes until ``stop``. ``wake`` saves the wait for the next poll after a commit of this process."""

    def __init__(
        self,
        postgres: Postgres,
        broker: KafkaBroker,
        *,
        service: str,
        window: Window,
        poll_seconds: float,
        clock: Clock = utc_now,
        new_lease: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self._postgres = postgres
        self._broker = broker
        self._service = service
        self._window = window
        self._poll_seconds = poll_seconds
        self._clock = clock
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
        failures = 0
        while not self._stopped:
            self._woken.clear()
            pause = self._poll_seconds
            try:
                if await self.relay_once():
                    pause = 0.0
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, the rows stay and the next turn tries again
                failures += 1
                pause = min(LONGEST_PAUSE_SECONDS, 0.1 * 2**failures)
                log.warning("relay failed, waiting", error=describe(error), seconds=pause)
            await self._pause(pause)

    async def _pause(self, seconds: float) -> None:
        if seconds == 0.0 or self._stopped:
            return
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return

    async def relay_once(self) -> int:
        """Publish what is due now; return how much that was."""
        lease = self._new_lease()
        async with self._postgres.transaction() as connection:
            events = await outbox.claim_events(connection, lease=lease, limit=EVENTS_AT_ONCE)
            chunks = await chunk_outbox.claim_chunks(connection, lease=lease, window=self._window)
        if not events and not chunks:
            return 0
        results = await _settled([*map(self._publish_event, events), *map(self._publish_chunk, chunks)])
        event_results, chunk_results = results[: len(events)], results[len(events) :]
        published = [row for row, error in zip(events, event_results, strict=True) if error is None]
        failed = [row for row, error in zip(events, event_results, strict=True) if error is not None]
        sent = [row for row, error in zip(chunks, chunk_results, strict=True) if error is None]
        async with self._postgres.transaction() as connection:
            if published:
                await outbox.delete_events(connection, [row.id for row in published], lease=lease)
            if failed:
                delay = 0.2 * 2 ** min(10, *(row.attempts for row in failed))
                await outbox.release_events(connection, [row.id for row in failed], lease=lease, delay_seconds=delay)
            if sent:
                await chunk_outbox.mark_sent(connection, sent, lease=lease)
            if len(sent) < len(chunks):
                await chunk_outbox.release_chunks(connection, lease=lease)
        OUTBOX_PUBLISHED.labels(self._service, "event").inc(len(published))
        OUTBOX_PUBLISHED.labels(self._service, "chunk").inc(len(sent))
        errors = [error for error in results if error is not None]
        if errors:
            OUTBOX_FAILED.labels(self._service, "any").inc(len(errors))
            raise errors[0]
        return len(published) + len(sent)

    async def _publish_event(self, row: OutboxRow) -> None:
        await self._publish(row.topic, row.key, row.headers, row.payload)

    async def _publish_chunk(self, row: ChunkRow) -> None:
        identity = f"{row.import_id}:{row.chunk_index}"
        headers = CHUNK_ACCEPTED.headers(identity, source=self._service, time=self._clock())
        if row.traceparent:
            headers["traceparent"] = row.traceparent
        await self._publish(CHUNK_ACCEPTED.name, identity, headers, row.payload)

    async def _publish(self, topic: str, key: str, headers: dict[str, str], payload: bytes) -> None:
        # The span of the publication continues the trace of the request that wrote the row.
        token = context.attach(trace_context(headers))
        try:
            await self._broker.publish(payload, topic=topic, key=key.encode(), headers=headers)
        finally:
            context.detach(token)


async def _settled(jobs: Sequence[Coroutine[Any, Any, None]]) -> list[Exception | None]:
    """Run the jobs together; return each one's error, or None."""
    results = await asyncio.gather(*jobs, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
    return [result if isinstance(result, Exception) else None for result in results]
