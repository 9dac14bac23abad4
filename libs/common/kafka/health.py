"""Readiness of a consumer: an idle one is ready, a stuck one is not."""

import time
from collections.abc import Callable

from faststream.kafka import KafkaBroker

from libs.common.kafka.delivery import Delivery
from libs.common.observability import CONSUMER_LAG
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
        self._seen_progress = -1
        self._since = monotonic()

    async def stuck(self) -> str | None:
        """Return why this consumer is not ready, or None."""
        lags: dict[str, int] = {}
        assigned: set[str] = set()
        for subscriber in self._broker.subscribers:
            consumer = getattr(subscriber, "consumer", None)
            if consumer is None:
                return "the consumer has not started"
            topic = ",".join(getattr(subscriber, "topic_names", []))
            lags.setdefault(topic, 0)
            for partition in consumer.assignment():
                assigned.add(topic)
                end = consumer.highwater(partition)
                if end is not None:
                    lags[topic] += max(0, end - await consumer.position(partition))
        for topic, topic_lag in lags.items():
            CONSUMER_LAG.labels(self._service, topic).set(topic_lag)
        if assigned != lags.keys():
            return "no partition is assigned"
        lag = sum(lags.values())
        now = self._monotonic()
        if self._delivery.progress != self._seen_progress or lag == 0:
            self._seen_progress = self._delivery.progress
            self._since = now
        if now - self._since > self._stuck_after:
            return f"{lag} messages wait and none was settled for {now - self._since:.0f} s"
        return None
