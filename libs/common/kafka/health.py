"""Readiness of a consumer: an idle one is ready, a stuck one is not."""

import time
from collections.abc import Callable
from typing import Any

from faststream.kafka import KafkaBroker

from libs.common.kafka.delivery import Delivery
from libs.common.observability import CONSUMER_LAG
from libs.common.settings import KafkaSettings


def _in_hand(subscriber: Any) -> int:
    in_hand: int = subscriber.lock.qsize
    return in_hand


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
        self._seen_progress = -1
        self._since = monotonic()

    async def stuck(self) -> str | None:
        """Return why this consumer is not ready, or None."""
        lag = 0
        for subscriber in self._broker.subscribers:
            consumer = getattr(subscriber, "consumer", None)
            if consumer is None:
                return "the consumer has not started"
            assignment = consumer.assignment()
            if not assignment:
                return "no partition is assigned"
            topic_lag = 0
            for partition in assignment:
                end = consumer.highwater(partition)
                if end is not None:
                    topic_lag += max(0, end - await consumer.position(partition))
            topic_names = getattr(subscriber, "topic_names", [])
            CONSUMER_LAG.labels(self._service, ",".join(topic_names)).set(topic_lag)
            # The message in hand is past the position, and not done: without it a handler that hangs looks idle.
            lag += topic_lag + _in_hand(subscriber)
        now = self._monotonic()
        if self._delivery.progress != self._seen_progress or lag == 0:
            self._seen_progress = self._delivery.progress
            self._since = now
        if now - self._since > self._stuck_after:
            return f"{lag} messages wait and none was settled for {now - self._since:.0f} s"
        return None
