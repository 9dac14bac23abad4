"""Errors of the event handlers, named by what the caller must do.

``BadMessage``: to the dead letter at once, the next attempt would fail alike. ``BadDay``: something outside fails;
wait and try again, never the dead letter. What is neither is *unforeseen*, an error of our own code: tried again for a
while, then the dead letter. ``NotFinished``: nothing is wrong, call again at once. ``BadDeploy``: too many bad messages
in a row; stop before the topic is emptied into the dead letter.
"""

import asyncio

import aiokafka.errors
import asyncpg
import bson.errors
import pymongo.errors
import sqlalchemy.exc
from pydantic import ValidationError


class BadMessage(Exception):
    """This message can never be processed. Its text holds nothing personal: it is logged and dead-lettered."""


class BadDay(Exception):
    """Something that the handler needs is away for now."""


class NotFinished(Exception):
    """The handler did a part of a long work and kept what it has; the message must come again for the rest.

    Work that may take longer than a stop, a rebalance or a poll may wait is cut by this. It is progress, no failure.
    """


class BadDeploy(BaseException):
    """Too many messages in a row were bad: the fault is more likely ours than theirs."""


_MESSAGE_SQLSTATES = ("22", "23")
"""Data exceptions and integrity violations (PostgreSQL's errcodes appendix): what the message itself holds."""
_BUT_NOT_2200H = "2200H"
"""A sequence has no number left: ours to mend, whatever the message holds."""

_MESSAGE_MONGO_CODES = frozenset({121, 11000})
"""Document validation, duplicate key."""

_OF_THE_MESSAGE = (BadMessage, pymongo.errors.DocumentTooLarge, bson.errors.BSONError, UnicodeEncodeError)

_OUTSIDE: tuple[type[BaseException], ...] = (
    BadDay,
    OSError,
    asyncio.TimeoutError,
    sqlalchemy.exc.TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    pymongo.errors.PyMongoError,
    aiokafka.errors.KafkaError,
)
"""What comes from a server, the network, credentials or configuration."""

_DRIVERS = ("aiokafka", "asyncpg", "pymongo", "sqlalchemy")


def is_bad_message(error: BaseException) -> bool:
    """Tell whether the message itself causes this, so that it will fail alike for ever.

    A list that is written down, because whatever is not on it may be our own trouble, and a wrong password must not
    empty a topic into the dead letter: the handler's own ``BadMessage``, values that a driver cannot encode, SQLSTATE
    classes 22 and 23, MongoDB's duplicate key and document validation.
    """
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        cause = error.orig and (error.orig.__cause__ or error.orig)
        return cause is not None and not error.connection_invalidated and is_bad_message(cause)
    if isinstance(error, pymongo.errors.OperationFailure):
        return _mongo_codes(error) <= _MESSAGE_MONGO_CODES
    sqlstate = str(getattr(error, "sqlstate", None) or "")
    if sqlstate:
        return sqlstate.startswith(_MESSAGE_SQLSTATES) and sqlstate != _BUT_NOT_2200H
    return isinstance(error, _OF_THE_MESSAGE) or (
        # asyncpg's own word for a value that does not fit its parameter; it is no error of the server.
        isinstance(error, asyncpg.InterfaceError)
        and isinstance(error, ValueError)
        and not isinstance(error, asyncpg.ClientConfigurationError)
    )


def _mongo_codes(error: pymongo.errors.OperationFailure) -> set[int]:
    """Return the codes of all that failed; -1 stands for what the server could not do, whatever it was asked."""
    unsure = error.has_error_label("RetryableWriteError") or error.timeout
    details = error.details or {}
    if isinstance(error, pymongo.errors.BulkWriteError):
        # One call, an error a document: once the server is well again, the others' own are told.
        codes = {int(item.get("code", -1)) for item in details.get("writeErrors", [])}
        unsure = unsure or bool(details.get("writeConcernErrors")) or not codes
    else:
        codes = {error.code if error.code is not None else -1}
    return codes | ({-1} if unsure else set())


def is_bad_day(error: BaseException) -> bool:
    """Tell whether to wait and try again: every error from outside that the message does not cause.

    Servers that are away, full disks and deadlocks, and as well a wrong password, a missing right, a table that is not
    there: somebody will mend it, and the messages must still be there then.
    """
    if is_bad_message(error) or isinstance(error, aiokafka.errors.MessageSizeTooLargeError):
        return False
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        cause = error.orig and (error.orig.__cause__ or error.orig)
        return error.connection_invalidated or not isinstance(cause, TypeError) or _is_a_drivers(cause)
    return isinstance(error, _OUTSIDE) or (isinstance(error, TypeError) and _is_a_drivers(error))


def _is_a_drivers(error: BaseException) -> bool:
    """Tell whether a driver's own code raised this, as it does when an address names an option that it has not."""
    step = error.__traceback__
    if step is None:
        return False
    while step.tb_next is not None:
        step = step.tb_next
    return str(step.tb_frame.f_globals.get("__name__", "")).startswith(_DRIVERS)


def describe(error: BaseException) -> str:
    """Return words for logs and headers without the error's values: those may hold personal data.

    Errors of a driver name the server that they are about.
    """
    if isinstance(error, BadMessage | BadDay):
        return f"{type(error).__name__}: {error}"
    if isinstance(error, ValidationError):
        where = sorted({".".join(str(part) for part in item["loc"][:2]) for item in error.errors(include_input=False)})
        return f"ValidationError at {', '.join(where[:5]) or 'the message'}"
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        cause = error.orig and (error.orig.__cause__ or error.orig)
        return f"PostgreSQL: {_name(cause or error)} sqlstate={getattr(error.orig, 'sqlstate', None)}{_where(cause)}"
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return "PostgreSQL: no connection of the pool became free in time"
    if isinstance(error, pymongo.errors.OperationFailure):
        return f"MongoDB: {_name(error)} code={error.code}"
    server = _server_of(error)
    return f"{server}: {_name(error)}" if server else _name(error)


def _where(cause: BaseException | None) -> str:
    """Return the table, column and constraint that PostgreSQL names: those of the schema, no values."""
    named = ((what, getattr(cause, f"{what}_name", None)) for what in ("table", "column", "constraint"))
    return "".join(f" {what}={name}" for what, name in named if isinstance(name, str))


_SERVERS: tuple[tuple[type[BaseException], str], ...] = (
    (asyncpg.PostgresError, "PostgreSQL"),
    (asyncpg.InterfaceError, "PostgreSQL"),
    (asyncpg.InternalClientError, "PostgreSQL"),
    (pymongo.errors.PyMongoError, "MongoDB"),
    (aiokafka.errors.KafkaError, "Kafka"),
    (sqlalchemy.exc.DBAPIError, "PostgreSQL"),
    (sqlalchemy.exc.TimeoutError, "PostgreSQL"),
)


def _server_of(error: BaseException) -> str | None:
    """Return the server whose driver raised this, or None."""
    return next((name for kind, name in _SERVERS if isinstance(error, kind)), None)


def retry_kind(error: BaseException) -> str:
    """Return whose fault an attempt's failure is, in one word of a few: for metrics.

    ``postgresql``, ``mongodb``, ``kafka``; ``outside`` for other servers and the network; ``own`` for an error of ours.
    """
    server = _server_of(error)
    if server is not None:
        return server.lower()
    return "outside" if is_bad_day(error) else "own"


def _name(error: BaseException) -> str:
    """Return the name of an error's kind that its library shows: pymongo also raises ``_OperationCancelled``."""
    return next(kind.__name__ for kind in type(error).__mro__ if not kind.__name__.startswith("_"))


_LONGEST_REASON = 200


def reason(error: BaseException) -> str:
    """Return words for people on why a server did not answer a question that held no row: its own, where it gave any.

    Only for such questions (``ask`` of the stores): a message about a statement may quote its values. What a driver
    says of its own is left out where it could quote an address with its password.
    """
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return reason(error.orig.__cause__ or error.orig) if error.orig else describe(error)
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    if isinstance(error, asyncpg.PostgresError):
        words = f"{error} ({error.sqlstate})"
    elif isinstance(error, pymongo.errors.PyMongoError):
        # What follows is the client's settings, or the whole answer once more.
        words = str(error).partition(" (configured timeouts")[0].partition(", full error")[0]
        if isinstance(error, pymongo.errors.OperationFailure):
            words = f"{words} ({error.code})"
    elif isinstance(error, OSError | aiokafka.errors.KafkaError | BadDay):
        words = str(error) or type(error).__name__
    else:
        return describe(error)
    return words.splitlines()[0][:_LONGEST_REASON]
