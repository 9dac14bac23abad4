"""Readiness of a consumer: an idle one is ready, a stuck one is not."""

import time
from collections.abc import Callable
from typing import Any

from faststream.kafka import KafkaBroker

from libs.common.kafka.delivery import Delivery
from libs.common.kafka.watch import position
from libs.common.settings import KafkaSettings


class ConsumerHealth:
    """Tells a stuck consumer (not in its group, or messages without progress) from an idle one.

    Whether Kafka answers at all is watched beside it, in ``watch.py``.
    """

    def __init__(
        self,
        broker: KafkaBroker,
        delivery: Delivery,
        settings: KafkaSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._broker = broker
        self._delivery = delivery
        self._stuck_after = settings.stuck_after_seconds
        self._monotonic = monotonic
        self._moved: dict[int, tuple[int, float]] = {}
        """By number of the subscriber: how many messages it had settled when it last moved or had nothing to do, and
        when that was."""

    async def stuck(self) -> str | None:
        """Return why this process is not ready, or None. It is not when one of its consumers is stuck.

        A consumer without a partition is well as long as it is a member of its group: there may be more members than
        partitions, and it takes over at once when another one ends.
        """
        silent: str | None = None
        troubled: str | None = None
        for number, subscriber in enumerate(self._broker.subscribers):
            consumer = getattr(subscriber, "consumer", None)
            if consumer is None:
                return "the consumer has not started"
            topic = ",".join(getattr(subscriber, "topic_names", []))
            if not getattr(getattr(subscriber, "_listener", None), "joined", False):
                return f"the consumer of {topic} is not in its group: it joins, or the group is being shared out anew"
            if not consumer.assignment() and not consumer.partitions_for_topic(topic):
                return f"Kafka shows no topic {topic}"
            waiting = _in_hand(subscriber)
            partitions = {each: consumer.highwater(each) for each in consumer.assignment()}
            for partition, end in partitions.items():
                place = partition.topic, partition.partition
                troubled = troubled or self._delivery.trouble(place, lasting=self._stuck_after)
                next_one = await position(consumer, partition)
                if end is not None and next_one is not None:
                    waiting += max(0, end - next_one)
            silent = silent or self._silence(number, partitions, waiting)
        return troubled or silent

    def dead(self) -> str | None:
        """Say which consumer's own tasks have ended though nobody stopped it, or None."""
        for subscriber in self._broker.subscribers:
            consumer, loops = getattr(subscriber, "consumer", None), getattr(subscriber, "tasks", [])
            if consumer is None or not loops:
                continue
            # aiokafka goes on without them: it raises the same error at each read, for ever. It shows them nowhere.
            beside = [consumer._fetcher._fetch_task, consumer._coordinator._coordination_task]  # noqa: SLF001
            if all(task.done() for task in loops) or any(task.done() for task in beside):
                return f"the consumer of {', '.join(getattr(subscriber, 'topic_names', []))} has ended"
        return None

    def _silence(self, number: int, partitions: Any, waiting: int) -> str | None:
        """Return how long a consumer has settled nothing while messages wait, when that is too long."""
        now = self._monotonic()
        progress = sum(self._delivery.progress[each.topic, each.partition] for each in partitions)
        seen, since = self._moved.get(number, (-1, now))
        if progress != seen or waiting == 0:
            self._moved[number] = progress, now
            return None
        if now - since > self._stuck_after:
            return f"{waiting} messages wait and none was settled for {now - since:.0f} s"
        return None


def _in_hand(subscriber: Any) -> int:
    """Return 1 while a message is being handled, else 0.

    The consumer's position is already behind that message. Counted by positions alone, a handler that hangs with the
    last message of its partition would look idle.
    """
    in_hand: int = subscriber.lock.qsize
    return in_hand
