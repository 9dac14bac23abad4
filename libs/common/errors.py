"""Errors of the event handlers, named by what the caller must do.

``BadMessage``: to the dead letter at once, the next attempt would fail alike. ``BadDay``: a server is away;
wait and try again, never the dead letter. ``BadDeploy``: too many bad messages in a row; stop before the
topic is emptied into the dead letter.
"""

import asyncio

import aiokafka.errors
import asyncpg
import pymongo.errors
import sqlalchemy.exc
from pydantic import ValidationError


class BadMessage(Exception):
    """This message can never be processed. Its text holds nothing personal: it is logged and dead-lettered."""


class BadDay(Exception):
    """Something that the handler needs is away for now."""


class BadDeploy(BaseException):
    """Too many messages in a row were bad: the fault is more likely ours than theirs."""


_BAD_DAY_SQLSTATES = (
    "08",  # the connection failed
    "25006",  # the server takes no writes
    "25P03",  # a transaction was ended because this process stood still in it for too long
    "40",  # serialisation failure, deadlock
    "53",  # memory, disk or connections are used up
    "55P03",  # a lock was not free in time
    "57",  # an operator stopped the statement or the server; a statement took too long
    "58",  # the server's own files or system fail
    "XX",  # a fault inside the server
)
"""How those of PostgreSQL's error codes begin after which waiting can help (its manual, appendix A)."""

_BAD_DAY_TYPES: tuple[type[BaseException], ...] = (
    BadDay,
    OSError,
    asyncio.TimeoutError,
    pymongo.errors.ConnectionFailure,
    pymongo.errors.WriteConcernError,
    pymongo.errors.WTimeoutError,
    pymongo.errors.ExecutionTimeout,
    sqlalchemy.exc.TimeoutError,
)

_MONGO_BAD_DAY_CODES = frozenset(
    {6, 7, 24, 43, 50, 89, 91, 112, 134, 189, 262, 371, 9001, 10107, 11600, 11601, 11602, 13435, 13436, 14031}
)
"""MongoDB's error codes after which waiting can help: host away, timeouts, a cursor that was lost, shutdown, the server
is not the primary, writes are blocked, the disk is full."""


def is_bad_day(error: BaseException) -> bool:
    """Tell whether waiting can help: connections, timeouts, full disks, deadlocks, servers that restart."""
    if isinstance(error, _BAD_DAY_TYPES):
        return True
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return error.connection_invalidated or _is_postgres_away(error.orig and (error.orig.__cause__ or error.orig))
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        # SQLAlchemy does not wrap the errors of the queries with which it sets a new connection up.
        return _is_postgres_away(error)
    if isinstance(error, pymongo.errors.PyMongoError):
        return _is_mongo_away(error)
    # Kafka's errors are of a server, the network or a setting. The one exception: a message too large stays too large.
    return isinstance(error, aiokafka.errors.KafkaError) and not isinstance(
        error, aiokafka.errors.MessageSizeTooLargeError
    )


def _is_postgres_away(error: BaseException | None) -> bool:
    if isinstance(error, ValueError):
        # The driver itself refused a value that the column cannot hold: it always will.
        return False
    sqlstate = str(getattr(error, "sqlstate", "") or "")
    return not sqlstate or sqlstate.startswith(_BAD_DAY_SQLSTATES)


def _is_mongo_away(error: pymongo.errors.PyMongoError) -> bool:
    if error.timeout or error.has_error_label("RetryableWriteError"):
        return True
    if isinstance(error, pymongo.errors.BulkWriteError):
        # One call writes many documents, and each may have an error of its own. If one of them says that the server is
        # unwell, all of the call is tried again: an error that is a document's own fault then comes again, by itself.
        details = error.details or {}
        codes = {item.get("code") for item in details.get("writeErrors", [])}
        return bool(details.get("writeConcernErrors") or codes & _MONGO_BAD_DAY_CODES)
    return isinstance(error, pymongo.errors.OperationFailure) and error.code in _MONGO_BAD_DAY_CODES


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
