"""The relay: publishes what its sources hold. Any number of relays may run beside each other.

Each publication has a time limit below the lease. What ends is noted in sets, as it ends. A message that a partition
does not take is given back with a pause (``lanes.py``), while others go on.
"""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import structlog
from aiokafka.errors import InvalidTimestampError, KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from opentelemetry import context

from libs.common.errors import describe
from libs.common.outbox.lanes import TRIAL_SECONDS, Lane, Lanes
from libs.common.outbox.metrics import OUTBOX_FAILED, OUTBOX_PUBLISHED
from libs.common.outbox.source import LEASE_SECONDS, MessageBroker, Outgoing, Room, Source
from libs.common.periodic import pause
from libs.common.stores.postgres import Postgres
from libs.common.traces import trace_context
from libs.common.trouble import Trouble

LONGEST_PAUSE_SECONDS = 10.0
PUBLICATION_SECONDS = 25.0
"""A publication is given up after so long, in time to give the message back before its lease ends. Kafka's client gives
up earlier (``PUBLISH_SECONDS``), and then it is certain that the message does not arrive later."""
TURN_SECONDS = 1.0
"""How long the next turn waits for this one's publications. Those that take longer end beside it."""
STOP_SECONDS = 5.0
"""How long a stop waits for what is on its way. The rest is published again when its lease has ended."""

A_TURN = Room(messages=100, size=8 * 1024 * 1024)
"""What is claimed at once, of each source."""
ON_ITS_WAY = Room(messages=400, size=32 * 1024 * 1024)
"""What one relay has claimed and not noted yet. A lane may have half of it, so that one partition that has just gone
away leaves room for the others."""
A_PARTITION_AT_ONCE = 8
"""Kafka's client sends them one after another. Those behind wait here, where their time does not run out so soon."""

_REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTimestampError)
"""What Kafka answers when it does not like the message: its partition is there, and takes others."""

log = structlog.get_logger()

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Claimed:
    """One message, of one claim."""

    source: Source
    lease: uuid.UUID
    message: Outgoing
    lane: Lane

    @property
    def size(self) -> int:
        return len(self.message.payload)

    @property
    def name(self) -> tuple[str, Any]:
        return self.source.kind, self.message.id


@dataclass(frozen=True, slots=True)
class _Failure:
    """Kafka did not take a message; it is given back for so many seconds."""

    error: Exception
    seconds: float


class Relay:
    """Publishes until ``stop``. ``wake`` saves the wait for the next poll after a commit of this process."""

    def __init__(
        self,
        postgres: Postgres,
        broker: MessageBroker,
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
        self._patience: asyncio.Timeout | None = None
        self._lanes = Lanes(most_messages=ON_ITS_WAY.messages // 2, most_bytes=ON_ITS_WAY.size // 2)
        self._slots: defaultdict[Lane, asyncio.Semaphore] = defaultdict(partial(asyncio.Semaphore, A_PARTITION_AT_ONCE))
        self._on_their_way: dict[asyncio.Task[_Failure | None], _Claimed] = {}
        self._failed_last: dict[Lane, tuple[Source, Outgoing]] = {}
        """The message that a lane did not take last, by which the lane is known to fail, or not any more."""
        self._refused: dict[tuple[str, Any], int] = {}
        """How often in a row Kafka refused a message, by kind and id."""

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        """Claim nothing more; give what is on its way ``STOP_SECONDS``, whatever Kafka or PostgreSQL does."""
        self._stopped = True
        self.wake()
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time() + STOP_SECONDS)

    async def run(self) -> None:
        """Relay for ever. A server that is away is waited for with a growing pause."""
        try:
            async with asyncio.timeout(None) as self._patience:
                await self._take_turns()
                await self._await_the_rest()
        except TimeoutError:
            log.warning("stopped before all was published", messages=len(self._on_their_way))
        finally:
            for task in self._on_their_way:
                task.cancel()
            await asyncio.gather(*self._on_their_way, return_exceptions=True)

    async def _take_turns(self) -> None:
        failures = 0
        while not self._stopped:
            self._woken.clear()
            pause = self._poll_seconds
            try:
                if await self.relay_once():
                    pause = 0.0
                failures = 0
                await self._ask_for_what_failed_last()
                if failing := self._lanes.failing():
                    (topic, partition), error = failing
                    self.trouble.fails(f"partition {partition} of {topic}: {describe(error)}")
                else:
                    self.trouble.works()
            except Exception as error:  # noqa: BLE001 - whatever it is, the rows stay and the next turn tries again
                failures += 1
                pause = min(LONGEST_PAUSE_SECONDS, 0.1 * 2**failures)
                self.trouble.fails(describe(error))
            await self._pause(pause)

    async def _ask_for_what_failed_last(self) -> None:
        """Forget the trouble of lanes whose last message another relay has published meanwhile, and of no others.

        Each relay may claim each message, so one that failed here may come here again late, or never. That this relay
        has nothing to send there says nothing about the partition.
        """
        for lane in self._lanes.quiet():
            source, message = self._failed_last[lane]
            async with self._postgres.transaction() as connection:
                waits = await source.waiting(connection, [message])
            if waits:
                self._lanes.still_fails(lane)
            else:
                self._lanes.forget(lane)
                del self._failed_last[lane]

    async def _pause(self, seconds: float) -> None:
        if seconds == 0.0 or self._stopped:
            return
        await pause(seconds, until=self._woken)

    async def _await_the_rest(self) -> None:
        try:
            if self._on_their_way:
                await asyncio.wait(self._on_their_way)
            await self._note([])
        except Exception as error:  # noqa: BLE001 - the leases end, and another relay publishes it again
            log.warning("what was published last is not noted", error=describe(error))

    async def relay_once(self) -> int:
        """Publish what is due and finds room; return how much that was.

        What is published within ``TURN_SECONDS``, and what ended since the last turn, is noted; what is still on
        its way is noted in the turn that follows its end.
        """
        claimed = await self._claim()
        slow = {one.lane for one in claimed if self._lanes.is_slow(one.lane)}
        awaited: list[asyncio.Task[_Failure | None]] = []
        postponed: list[tuple[_Claimed, float]] = []
        for one in claimed:
            if seconds := self._lanes.wait(one.lane):
                postponed.append((one, seconds))
                continue
            task = self._send(one)
            if one.lane not in slow:
                awaited.append(task)
        if awaited:
            await asyncio.wait(awaited, timeout=TURN_SECONDS)
        await self._note(postponed)
        return len(claimed)

    async def _claim(self) -> list[_Claimed]:
        messages = ON_ITS_WAY.messages - len(self._on_their_way)
        size = ON_ITS_WAY.size - sum(one.size for one in self._on_their_way.values())
        if messages <= 0 or size <= 0:
            return []
        room = Room(min(messages, A_TURN.messages), min(size, A_TURN.size))
        lease = self._new_lease()
        claimed: list[_Claimed] = []
        async with self._postgres.transaction(by_index=True) as connection:
            for source in self._sources:
                for message in await source.claim(connection, lease=lease, room=room):
                    lane = message.topic, self._broker.partition_of(message.topic, message.key.encode())
                    claimed.append(_Claimed(source, lease, message, lane))
        return claimed

    def _send(self, one: _Claimed) -> asyncio.Task[_Failure | None]:
        self._lanes.sent(one.lane, one.size)
        task = asyncio.create_task(self._publish(one))
        # Of one that the turn does not wait for any more, the next one takes notice.
        task.add_done_callback(lambda _: self._woken.set())
        self._on_their_way[task] = one
        return task

    async def _publish(self, one: _Claimed) -> _Failure | None:
        message = one.message
        # The span of the publication continues the trace of the request that wrote the message.
        token = context.attach(trace_context(message.headers))
        try:
            async with asyncio.timeout(PUBLICATION_SECONDS), self._slots[one.lane]:
                if trouble := self._lanes.trouble(one.lane):
                    return self._failed(one, trouble)
                await self._broker.publish(
                    message.payload,
                    topic=message.topic,
                    key=message.key.encode(),
                    headers=message.headers,
                    partition=one.lane[1],
                )
        except Exception as error:  # noqa: BLE001 - whatever it is, the message comes again
            return self._failed(one, error)
        finally:
            context.detach(token)
        self._lanes.arrived(one.lane, one.size)
        self._failed_last.pop(one.lane, None)
        self._refused.pop(one.name, None)
        return None

    def _failed(self, one: _Claimed, error: Exception) -> _Failure:
        if isinstance(error, _REFUSALS) or not isinstance(error, KafkaError | OSError | TimeoutError):
            self._lanes.arrived(one.lane, one.size)
            self._failed_last.pop(one.lane, None)
            times = self._refused[one.name] = self._refused.get(one.name, 0) + 1
            return _Failure(error, min(LEASE_SECONDS, 0.2 * 2.0 ** min(times, 30)))
        self._failed_last[one.lane] = one.source, replace(one.message, payload=b"")
        # Later than the lane opens again: another message tries it first, in case that this one is at fault after all.
        return _Failure(error, self._lanes.failed(one.lane, one.size, error) + TRIAL_SECONDS)

    async def _note(self, postponed: Sequence[tuple[_Claimed, float]]) -> None:
        """Note what has ended, and give ``postponed`` back. Once for each claim, which is once as a rule."""
        ended = {task: one for task, one in self._on_their_way.items() if task.done()}
        failures = {one: failure for task, one in ended.items() if (failure := task.result()) is not None}
        published = _by_claim((one, one.message) for one in ended.values() if one not in failures)
        given_back = _by_claim(
            (one, (one.message, seconds))
            for one, seconds in (*postponed, *((one, failure.seconds) for one, failure in failures.items()))
        )
        if published or given_back:
            async with self._postgres.transaction() as connection:
                for (source, lease), messages in published.items():
                    await source.published(connection, messages, lease=lease)
                for (source, lease), delayed in given_back.items():
                    await source.postponed(connection, delayed, lease=lease)
        for task in ended:
            del self._on_their_way[task]
        for (source, _), messages in published.items():
            OUTBOX_PUBLISHED.labels(self._service, source.kind).inc(len(messages))
        for one in failures:
            OUTBOX_FAILED.labels(self._service, one.source.kind).inc()
        # One line for each partition: all that was on its way there failed together.
        for lane, (one, failure) in {one.lane: (one, failure) for one, failure in failures.items()}.items():
            log.warning(
                "not published, given back",
                topic=lane[0],
                partition=lane[1],
                kind=one.source.kind,
                error=describe(failure.error),
                seconds=round(failure.seconds, 1),
            )


def _by_claim(claimed: Iterable[tuple[_Claimed, T]]) -> dict[tuple[Source, uuid.UUID], list[T]]:
    grouped: defaultdict[tuple[Source, uuid.UUID], list[T]] = defaultdict(list)
    for one, value in claimed:
        grouped[one.source, one.lease].append(value)
    return grouped
