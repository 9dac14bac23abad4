"""Start-up check: a subscriber that could lose messages stops the service before it reads one."""

from faststream import AckPolicy
from faststream.kafka import KafkaBroker


class UnsafeSubscriber(RuntimeError):
    """A subscriber was declared without ``libs.common.kafka.subscribing``; declare it through that."""


def check_subscribers(broker: KafkaBroker) -> None:
    """Raise UnsafeSubscriber unless every subscriber acks after its work, in a group, from the earliest offset."""
    for subscriber in broker.subscribers:
        options = getattr(subscriber, "_connection_args", {})
        topics = ", ".join(getattr(subscriber, "topic_names", []))
        if subscriber.ack_policy is not AckPolicy.NACK_ON_ERROR:
            raise UnsafeSubscriber(f"{topics}: ack_policy is not NACK_ON_ERROR")
        if not getattr(subscriber, "group_id", None):
            raise UnsafeSubscriber(f"{topics}: no group_id")
        if options.get("auto_offset_reset") != "earliest":
            raise UnsafeSubscriber(f"{topics}: auto_offset_reset is not earliest")
        if options.get("enable_auto_commit"):
            raise UnsafeSubscriber(f"{topics}: offsets are committed before the work is done")
