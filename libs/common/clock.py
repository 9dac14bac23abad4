"""The wall clock, passed in wherever time is asked for."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the wall clock's time, for headers and logs; leases and quotas use the database's."""
    return datetime.now(UTC)
