"""Watches that Kafka still answers a process' consumers, and how many messages wait for them.

A consumer that may not read any more, or is cut off, sees no message. So does an idle one: what tells them apart is
whether Kafka answers. An idle consumer gets an answer to each fetch, empty or not, ten times a second.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import IllegalStateError, KafkaError
from faststream.kafka import KafkaBroker

from libs.common.kafka.clients import kafka_consumer
from libs.common.kafka.metrics import CONSUMER_LAG, KAFKA_SILENCE, PROGRESS_AGE
from libs.common.periodic import Periodic
from libs.common.settings import KafkaSettings
from libs.common.trouble import Trouble

LOOK_SECONDS = 5.0
SILENT_SECONDS = 15.0
"""A silence is told in the log when it has lasted so long. A broker that dies is followed by another one sooner."""
ANSWER_SECONDS = 4.0
"""How long a question of ours waits for its answer."""
STALLED_SECONDS = 60.0
"""So long a consumer may hear nothing of a partition before somebody else is sent to ask."""

Place = tuple[int, TopicPartition]
"""A subscriber's number in the process, and one of its partitions."""


class _Lag(NamedTuple):
    """Messages that wait, and the sum of the offsets behind the last ones that were committed."""

    waiting: int
    committed: int


class KafkaWatch(Periodic):
    """Looks every ``LOOK_SECONDS`` in the background; sets the metrics of lag and silence."""

    def __init__(
        self,
        broker: KafkaBroker,
        settings: KafkaSettings,
        *,
        service: str,
        monotonic: Callable[[], float] = time.monotonic,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        super().__init__()
        self.trouble = Trouble(f"reading at {settings.kafka_bootstrap}", service=service, monotonic=monotonic)
        self.stalled: str | None = None
        """Which partition Kafka answers others about, but none of this process' consumers. Then only a new start helps:
        a task within the client has ended, or waits for something that will not come."""
        self._broker = broker
        self._settings = settings
        self._service = service
        self._monotonic = monotonic
        self._look_seconds = look_seconds
        self._answered: dict[Place, tuple[int, float]] = {}
        """The time of the last fetch as the consumer remembers it, and when, by our clock, we saw that it had changed.
        The consumer's time is the wall clock's, which may jump."""
        self._committed: dict[str, tuple[int, float]] = {}
        """By topic, the sum of the offsets that the group has committed in our partitions, and when it last changed, or
        nothing waited."""

    def pause_seconds(self) -> float:
        return self._look_seconds

    async def turn(self) -> None:
        """Look once: note who had no answer for too long, and count what waits."""
        lags: dict[str, list[_Lag | None]] = defaultdict(list)
        ages: dict[Place, float] = {}
        for number, subscriber in enumerate(self._broker.subscribers):
            consumer = getattr(subscriber, "consumer", None)
            if consumer is None:
                continue
            topic = ",".join(getattr(subscriber, "topic_names", []))
            partitions = consumer.assignment()
            asked = list(partitions) or [_any_partition(consumer, topic)]
            ends = await _ends(consumer, asked)
            for partition in asked:
                ages[number, partition] = await self._age(number, consumer, partition, answered=partition in ends)
            if getattr(subscriber, "group_id", None) is not None:
                mine = {each: end for each, end in ends.items() if each in partitions}
                lags[topic].append(await _lag(consumer, mine) if ends else None)
        self._answered = {place: found for place, found in self._answered.items() if place in ages}
        self._tell(ages)
        self.stalled = await self._stalled(ages)
        for topic, found in lags.items():
            known = [lag for lag in found if lag is not None]
            if len(known) == len(found):  # else the last one that was known stays, beside the silence that grows
                lag = sum(each.waiting for each in known)
                CONSUMER_LAG.labels(self._service, topic).set(lag)
                age = self._progress_age(topic, lag, sum(each.committed for each in known))
                PROGRESS_AGE.labels(self._service, topic).set(age)

    def _progress_age(self, topic: str, lag: int, committed: int) -> float:
        now = self._monotonic()
        before, since = self._committed.get(topic, (committed, now))
        if lag == 0 or committed != before or topic not in self._committed:
            self._committed[topic] = committed, now
            return 0.0
        return now - since

    async def _age(self, number: int, consumer: Any, partition: TopicPartition, *, answered: bool) -> float:
        """Return for how many seconds Kafka has said nothing about a partition.

        An idle partition must be fetched from. One whose messages lie fetched and unread, or of which the last one
        fetched is in hand, is not fetched from meanwhile, and who has no partition fetches nothing: there it counts
        that Kafka answers at all.
        """
        now, fetched = self._monotonic(), 0
        if partition in consumer.assignment():
            fetched = consumer.last_poll_timestamp(partition) or 0
            end = consumer.highwater(partition)
            # aiokafka keeps what it fetched until somebody asks for the message after the last one of it. It keeps
            # refusals at the same place, and those are no messages.
            kept = isinstance(consumer._fetcher._records.get(partition), FetchResult)  # noqa: SLF001
            idle = not kept and (end is None or end <= (await position(consumer, partition) or 0))
            answered = answered and not idle
        before = self._answered.get((number, partition))
        if answered or before is None or before[0] != fetched:
            self._answered[number, partition] = fetched, now
            return 0.0
        return now - before[1]

    async def _stalled(self, ages: dict[Place, float]) -> str | None:
        silent = {partition: age for (_, partition), age in ages.items() if age >= STALLED_SECONDS}
        if not silent:
            return None
        longest = max(silent, key=lambda partition: silent[partition])
        if not await _answers_a_newcomer(self._settings, longest):
            return None
        return (
            f"Kafka answers others about {longest.topic}, partition {longest.partition},"
            f" but has said nothing to this process for {silent[longest]:.0f} s"
        )

    def _tell(self, ages: dict[Place, float]) -> None:
        for topic in {partition.topic for _, partition in ages}:
            silence = max(age for (_, partition), age in ages.items() if partition.topic == topic)
            KAFKA_SILENCE.labels(self._service, topic).set(silence)
        (_, partition), age = max(ages.items(), key=lambda item: item[1], default=((0, TopicPartition("", 0)), 0.0))
        if age >= SILENT_SECONDS:
            self.trouble.fails(f"no answer about {partition.topic}, partition {partition.partition}", lasted=age)
        else:
            self.trouble.works()


async def position(consumer: Any, partition: TopicPartition) -> int | None:
    """Return the offset that a consumer reads next; None while it does not know, as before its first answer."""
    try:
        async with asyncio.timeout(1):
            found: int = await consumer.position(partition)
            return found
    except (TimeoutError, KafkaError, IllegalStateError):
        return None


def _any_partition(consumer: Any, topic: str) -> TopicPartition:
    return TopicPartition(topic, min(consumer.partitions_for_topic(topic) or {0}))


async def _ends(consumer: Any, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """Return the ends of these partitions, or nothing when Kafka does not answer."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            found: dict[TopicPartition, int] = await consumer.end_offsets(list(partitions))
            return found
    except (TimeoutError, KafkaError, IllegalStateError):
        return {}


async def _answers_a_newcomer(settings: KafkaSettings, partition: TopicPartition) -> bool:
    """Tell whether the partition is there for a client that has just come: a new process would be one."""
    newcomer = kafka_consumer(settings, client_id="leadflow-newcomer", request_timeout_ms=int(ANSWER_SECONDS * 1000))
    try:
        async with asyncio.timeout(2 * ANSWER_SECONDS):
            await newcomer.start()
            return partition in await newcomer.end_offsets([partition])
    except (TimeoutError, KafkaError, IllegalStateError):
        return False
    finally:
        await newcomer.stop()


async def _lag(consumer: Any, ends: dict[TopicPartition, int]) -> _Lag | None:
    """Return what the consumer's group has committed of these partitions, and what not yet; None without an answer."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            # The consumer's own method asks for one partition at a time.
            found = await consumer._coordinator.fetch_committed_offsets(list(ends))  # noqa: SLF001
            done = {partition: int(committed.offset) for partition, committed in found.items()}
            if never := [partition for partition in ends if partition not in done]:
                done |= await consumer.beginning_offsets(never)
            waiting = sum(max(0, end - done[partition]) for partition, end in ends.items())
            return _Lag(waiting, sum(done[partition] for partition in ends))
    except (TimeoutError, KafkaError, IllegalStateError):
        return None
