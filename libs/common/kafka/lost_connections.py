"""A connection to Kafka that was lost is a lost connection, also for who writes to it at that very moment.

When a broker is killed, its connections are reset. aiokafka learns of it a turn of the event loop later than the
transport. Who sends in between writes to a closed transport: asyncio's own ignores that, uvloop's raises RuntimeError.
aiokafka takes an OSError there for a lost connection, and nothing else: the RuntimeError ends whichever of its tasks
sent. The task that keeps the addresses of partitions ends so without a word, and its consumer never again learns which
broker has a partition: it reads nothing from there, for ever, beside a Kafka that is well.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason


def _noticing_loss(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def noticing(connection: AIOKafkaConnection, *args: Any, **options: Any) -> Any:
        writer = connection._writer  # noqa: SLF001
        if writer is not None and writer.is_closing():
            # Without a transport, sending raises KafkaConnectionError, which every caller expects.
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
        return send(connection, *args, **options)

    return noticing


def notice_lost_connections() -> None:
    """Let aiokafka's connections look at their transport before they write to it. A second call changes nothing."""
    for name in ("send", "_send_sasl_token"):
        send = getattr(AIOKafkaConnection, name)
        if not hasattr(send, "__wrapped__"):
            setattr(AIOKafkaConnection, name, _noticing_loss(send))
