"""Errors of the event handlers, named by what the caller must do.

``BadMessage``: to the dead letter at once, the next attempt would fail alike. ``BadDay``: a server is away;
wait and try again, never the dead letter. ``BadDeploy``: too many bad messages in a row; stop before the
topic is emptied into the dead letter.
"""

import asyncio

import aiokafka.errors
import httpx
import pymongo.errors
import sqlalchemy.exc
from pydantic import ValidationError


class BadMessage(Exception):
    """This message can never be processed. Its text holds nothing personal: it is logged and dead-lettered."""


class BadDay(Exception):
    """Something that the handler needs is away for now."""


class BadDeploy(BaseException):
    """Too many messages in a row were bad: the fault is more likely ours than theirs."""


_BAD_DAY_SQLSTATES = ("08", "25006", "40", "53", "55P03", "57", "58", "XX")
"""Connection, read-only, serialisation and deadlock, resources (full disk), lock timeout, operator, system."""

_BAD_DAY_TYPES: tuple[type[BaseException], ...] = (
    BadDay,
    OSError,
    asyncio.TimeoutError,
    httpx.TransportError,
    pymongo.errors.ConnectionFailure,
    pymongo.errors.WriteConcernError,
    pymongo.errors.WTimeoutError,
    pymongo.errors.ExecutionTimeout,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
)

_MONGO_BAD_DAY_CODES = frozenset({6, 7, 50, 89, 91, 112, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, 14031})
"""Server error codes for "try again": host away, timeouts, shutdown, not primary, out of disk space."""


def is_bad_day(error: BaseException) -> bool:
    """Tell whether waiting can help: connections, timeouts, full disks, deadlocks, servers that restart."""
    if isinstance(error, _BAD_DAY_TYPES):
        return True
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        sqlstate = str(getattr(error.orig, "sqlstate", "") or "")
        return error.connection_invalidated or not sqlstate or sqlstate.startswith(_BAD_DAY_SQLSTATES)
    if isinstance(error, pymongo.errors.OperationFailure):
        return error.code in _MONGO_BAD_DAY_CODES or error.has_error_label("RetryableWriteError")
    return isinstance(error, aiokafka.errors.KafkaError) and not isinstance(
        error, aiokafka.errors.MessageSizeTooLargeError
    )


def describe(error: BaseException) -> str:
    """Return words for logs and headers without the error's values: those may hold personal data."""
    if isinstance(error, BadMessage | BadDay):
        return f"{type(error).__name__}: {error}"
    if isinstance(error, ValidationError):
        where = sorted({".".join(str(part) for part in item["loc"][:2]) for item in error.errors(include_input=False)})
        return f"ValidationError at {', '.join(where[:5]) or 'the message'}"
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return f"{type(error).__name__} sqlstate={getattr(error.orig, 'sqlstate', None)}"
    if isinstance(error, pymongo.errors.OperationFailure):
        return f"{type(error).__name__} code={error.code}"
    return type(error).__name__
