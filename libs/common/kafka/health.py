"""Readiness of a consumer: an idle one is ready, a stuck one is not."""

import time
from collections.abc import Callable
from typing import Any

from faststream.kafka import KafkaBroker

from libs.common.kafka.delivery import Delivery
from libs.common.kafka.metrics import CONSUMER_LAG
from libs.common.settings import KafkaSettings


class ConsumerHealth:
    """Tells a stuck consumer (no assignment, or lag without progress) from an idle one."""

    def __init__(
        self,
        broker: KafkaBroker,
        delivery: Delivery,
        settings: KafkaSettings,
        *,
        service: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._broker = broker
        self._delivery = delivery
        self._stuck_after = settings.stuck_after_seconds
        self._service = service
        self._monotonic = monotonic
        self._moved: dict[int, tuple[int, float]] = {}
        """By number of the subscriber: how many messages it had settled when it last moved or had nothing to do, and
        when that was."""

    async def stuck(self) -> str | None:
        """Return why this process is not ready, or None. It is not when one of its consumers is stuck.

        A consumer without a partition is not stuck as long as another one of the process has a partition of the topic:
        there may be more consumers than partitions.
        """
        lags: dict[str, int] = {}
        assigned: set[str] = set()
        silent: str | None = None
        troubled: str | None = None
        for number, subscriber in enumerate(self._broker.subscribers):
            consumer = getattr(subscriber, "consumer", None)
            if consumer is None:
                return "the consumer has not started"
            topic = ",".join(getattr(subscriber, "topic_names", []))
            lag = 0
            partitions = consumer.assignment()
            for partition in partitions:
                assigned.add(topic)
                place = partition.topic, partition.partition
                troubled = troubled or self._delivery.trouble(place, lasting=self._stuck_after)
                end = consumer.highwater(partition)
                if end is not None:
                    lag += max(0, end - await consumer.position(partition))
            lags[topic] = lags.get(topic, 0) + lag
            silent = silent or self._silence(number, partitions, lag + _in_hand(subscriber))
        for topic, topic_lag in lags.items():
            CONSUMER_LAG.labels(self._service, topic).set(topic_lag)
        return "no partition is assigned" if assigned != lags.keys() else troubled or silent

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
