"""Publishing the events of one topic."""

from collections.abc import Sequence
from typing import Generic

from libs.common.clock import Clock, utc_now
from libs.common.kafka.broker import Broker, ReadyMessage
from libs.common.topics import EventT, Topic


class Publisher(Generic[EventT]):
    """Publishes one topic's events and returns when all replicas have them."""

    def __init__(self, broker: Broker, topic: Topic[EventT], *, source: str, clock: Clock = utc_now) -> None:
        self._topic = topic
        self._broker = broker
        self._source = source
        self._clock = clock
        self._publisher = broker.publisher(topic.name, schema=topic.event)

    async def __call__(self, event: EventT) -> None:
        topic = self._topic
        await self._publisher.publish(
            event.model_dump_json().encode(),
            key=topic.key(event).encode(),
            headers=topic.headers(topic.identity(event), source=self._source, time=self._clock()),
        )

    async def all(self, events: Sequence[EventT]) -> None:
        """Publish many at once: for what has an event a row. Raises when any of them has failed, and all have ended."""
        topic, time = self._topic, self._clock()
        messages = [
            ReadyMessage(
                key=topic.key(event).encode(),
                value=event.model_dump_json().encode(),
                headers=topic.headers(topic.identity(event), source=self._source, time=time),
            )
            for event in events
        ]
        await self._broker.publish_all(topic.name, messages)
