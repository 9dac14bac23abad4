"""When an import was accepted, as a whole number: with the import's id it names one import for ever.

The id alone does not: a database that was restored, or made anew, gives ids again.
"""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def acceptance_number(accepted_at: datetime) -> int:
    """Return the microseconds since 1970, which is as exactly as PostgreSQL keeps the time."""
    return (accepted_at - _EPOCH) // _MICROSECOND


def accepted_at_of(number: int) -> datetime:
    """Return the time of an ``acceptance_number``. Raises OverflowError beyond the year 9999."""
    return _EPOCH + number * _MICROSECOND
