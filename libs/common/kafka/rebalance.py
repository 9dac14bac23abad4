"""A rebalance waits for the running handler, so that its offset is committed before the partition moves."""

from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition


class WaitForHandler(ConsumerRebalanceListener):  # type: ignore[misc]
    """Holds the group's rebalance, up to ``seconds``, until the message in hand is acknowledged.

    It also remembers whether a group that is new ``begins_now`` (``new_groups.py``), and whether this member has
    ``joined``: it knows which partitions are its own, which may be none.
    """

    def __init__(self, seconds: float, *, begins_now: bool = False) -> None:
        self.begins_now = begins_now
        self.joined = False
        self._seconds = seconds
        self._subscriber: Any = None

    def attach(self, subscriber: Any) -> None:
        self._subscriber = subscriber

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.joined = False
        # FastStream holds this lock around the handler and its acknowledgement.
        await self._subscriber.lock.wait_release(self._seconds)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.joined = True
