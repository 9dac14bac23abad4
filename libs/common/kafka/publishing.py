"""Publishing the events of one topic."""

from typing import Generic

from faststream.kafka import KafkaBroker

from libs.common.clock import Clock, utc_now
from libs.common.topics import EventT, Topic


class Publisher(Generic[EventT]):
    """Publishes one topic's events and returns when all replicas have them."""

    def __init__(self, broker: KafkaBroker, topic: Topic[EventT], *, source: str, clock: Clock = utc_now) -> None:
        self._topic = topic
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
