"""Which errors waiting can help, by the drivers' own exceptions; and that none is described with its values."""

import errno
from typing import Any

import aiokafka.errors
import asyncpg
import bson.errors
import pymongo.errors
import pytest
import sqlalchemy.exc
from pydantic import BaseModel, ValidationError
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.ext.asyncio import create_async_engine

from libs.common.errors import BadDay, BadDeploy, BadMessage, describe, is_bad_day, is_bad_message, reason, retry_kind
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from services.creator.portions import ProviderAway
from tests.support.chunks import plain

MARK = "11981234567"
pg = asyncpg.exceptions


def from_sqlalchemy(error: Exception, *, invalidated: bool = False) -> BaseException:
    """Return the driver's error as SQLAlchemy raises it."""
    dbapi: Any = AsyncAdapt_asyncpg_dbapi(asyncpg)  # type: ignore[no-untyped-call]
    translate: dict[Any, Any] = dbapi._asyncpg_error_translate
    kind = next(translate[base] for base in type(error).__mro__ if base in translate)
    translated = kind(str(error), error)
    translated.__cause__ = error
    raised: BaseException = sqlalchemy.exc.DBAPIError.instance(
        f"SELECT '{MARK}'", {"phone": MARK}, translated, dbapi.Error, connection_invalidated=invalidated
    )
    return raised


def bulk(*codes: int, concern: bool = False) -> pymongo.errors.BulkWriteError:
    errors = [{"code": code, "errmsg": MARK, "op": {"contact_cellphone": MARK}} for code in codes]
    return pymongo.errors.BulkWriteError(
        {"writeErrors": errors, "writeConcernErrors": [{"code": 64, "errmsg": MARK}] if concern else []}
    )


BAD_DAYS: list[BaseException] = [
    BadDay("later"),
    ProviderAway("the WhatsApp provider answered 500"),
    # The system
    ConnectionRefusedError(errno.ECONNREFUSED, MARK),
    ConnectionResetError(errno.ECONNRESET, MARK),
    BrokenPipeError(errno.EPIPE, MARK),
    OSError(errno.ENOSPC, MARK),
    TimeoutError(),
    TimeoutError(),
    # PostgreSQL
    from_sqlalchemy(pg.ConnectionDoesNotExistError(MARK)),
    from_sqlalchemy(pg.ConnectionFailureError(MARK)),
    from_sqlalchemy(pg.InterfaceError("connection is closed")),
    from_sqlalchemy(pg.InternalClientError(MARK)),
    from_sqlalchemy(pg.SerializationError(MARK)),
    from_sqlalchemy(pg.DeadlockDetectedError(MARK)),
    from_sqlalchemy(pg.TooManyConnectionsError(MARK)),
    from_sqlalchemy(pg.DiskFullError(MARK)),
    from_sqlalchemy(pg.OutOfMemoryError(MARK)),
    from_sqlalchemy(pg.LockNotAvailableError(MARK)),
    from_sqlalchemy(pg.QueryCanceledError(MARK)),
    from_sqlalchemy(pg.AdminShutdownError(MARK)),
    from_sqlalchemy(pg.CrashShutdownError(MARK)),
    from_sqlalchemy(pg.CannotConnectNowError(MARK)),
    from_sqlalchemy(pg.PostgresIOError(MARK)),
    from_sqlalchemy(pg.ReadOnlySQLTransactionError(MARK)),
    from_sqlalchemy(pg.IdleInTransactionSessionTimeoutError(MARK)),
    from_sqlalchemy(pg.InternalServerError(MARK)),
    from_sqlalchemy(pg.UniqueViolationError(MARK), invalidated=True),
    sqlalchemy.exc.TimeoutError("QueuePool limit of size 5 overflow 0 reached"),
    pg.CannotConnectNowError(MARK),
    pg.ConnectionDoesNotExistError(MARK),
    pg.InterfaceError("connection is closed"),
    # MongoDB
    pymongo.errors.AutoReconnect(MARK),
    pymongo.errors.ConnectionFailure(MARK),
    pymongo.errors.NetworkTimeout(MARK),
    pymongo.errors.NotPrimaryError(MARK),
    pymongo.errors.ServerSelectionTimeoutError(MARK),
    pymongo.errors.WaitQueueTimeoutError(MARK),
    pymongo.errors.ExecutionTimeout(MARK, 50),
    pymongo.errors.WTimeoutError(MARK, 64),
    pymongo.errors.WriteConcernError(MARK, 100),
    pymongo.errors.CursorNotFound(MARK, 43),
    pymongo.errors.OperationFailure(MARK, 11600),
    pymongo.errors.OperationFailure(MARK, 14031),
    pymongo.errors.WriteError(MARK, 371),
    pymongo.errors.OperationFailure(MARK, 1, {"errorLabels": ["RetryableWriteError"]}),
    bulk(concern=True),
    bulk(11000, 11600),
    bulk(14031),
    bulk(371),
    pymongo.errors.ConfigurationError(MARK),
    pymongo.errors.InvalidURI(MARK),
    # Kafka
    aiokafka.errors.KafkaConnectionError(),
    aiokafka.errors.KafkaTimeoutError(),
    aiokafka.errors.RequestTimedOutError(),
    aiokafka.errors.NotEnoughReplicasError(),
    aiokafka.errors.NotLeaderForPartitionError(),
    aiokafka.errors.UnknownTopicOrPartitionError(),
    aiokafka.errors.OutOfOrderSequenceNumber(),
    aiokafka.errors.ProducerFenced(),
]

BAD_MESSAGES: list[BaseException] = [
    BadMessage("no such chunk of an import"),
    from_sqlalchemy(pg.UniqueViolationError(MARK)),
    from_sqlalchemy(pg.ForeignKeyViolationError(MARK)),
    from_sqlalchemy(pg.NotNullViolationError(MARK)),
    from_sqlalchemy(pg.CheckViolationError(MARK)),
    from_sqlalchemy(pg.StringDataRightTruncationError(MARK)),
    from_sqlalchemy(pg.CharacterNotInRepertoireError(MARK)),
    from_sqlalchemy(pg.NumericValueOutOfRangeError(MARK)),
    from_sqlalchemy(asyncpg.DataError(f"invalid input for query argument $1: {MARK} (value out of int32 range)")),
    asyncpg.DataError(MARK),
    pg.UniqueViolationError(MARK),
    pymongo.errors.DuplicateKeyError(MARK, 11000),
    pymongo.errors.DocumentTooLarge(MARK),
    bson.errors.InvalidDocument(MARK),
    bson.errors.InvalidStringData(MARK),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    bulk(11000),
    bulk(121),
    bulk(11000, 121),
]

UNFORESEEN: list[BaseException] = [
    BadDeploy(),
    ValueError(MARK),
    KeyError(MARK),
    TypeError(MARK),
    AssertionError(MARK),
    sqlalchemy.exc.NoResultFound(),
    aiokafka.errors.MessageSizeTooLargeError(),
]
"""Errors of our own code: too large a message is one that we made."""

SQLSTATES_OF_OURS = [
    "28P01",
    "28000",
    "42501",
    "42P01",
    "42P05",
    "42601",
    "26000",
    "3D000",
    "0A000",
    "25P04",
    "55000",
    "2200H",
]
MONGO_CODES_OF_OURS = [13, 18, 301, 391, 462, 8000, 16500]


def error_of_state(sqlstate: str) -> Exception:
    kind: type[Exception] = pg.PostgresError.get_message_class_for_sqlstate(sqlstate)
    error = kind(MARK)
    error.sqlstate = sqlstate  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("sqlstate", SQLSTATES_OF_OURS)
def test_postgresqls_complaints_about_our_deployment_are_not_charged_to_the_message(sqlstate: str) -> None:
    for error in (error_of_state(sqlstate), from_sqlalchemy(error_of_state(sqlstate))):
        assert is_bad_day(error)
        assert not is_bad_message(error)


@pytest.mark.parametrize("code", MONGO_CODES_OF_OURS)
def test_mongodbs_complaints_about_our_deployment_are_not_charged_to_the_message(code: int) -> None:
    for error in (pymongo.errors.OperationFailure(MARK, code), bulk(code), bulk(11000, code)):
        assert is_bad_day(error)
        assert not is_bad_message(error)


async def test_a_drivers_complaint_about_its_configuration_is_not_charged_to_the_message() -> None:
    """An address with an option that the driver has not, as providers print them; a mode that nobody knows."""
    engine = create_async_engine("postgresql+asyncpg://u:p@127.0.0.1:1/d?no_such_option=1")
    with pytest.raises(TypeError) as unknown:
        await engine.connect()
    with pytest.raises(asyncpg.ClientConfigurationError) as misled:
        await asyncpg.connect("postgresql://127.0.0.1:1/d?sslmode=no-such-mode")
    for error in (unknown.value, misled.value):
        assert is_bad_day(error)
        assert not is_bad_message(error)


def named(error: BaseException) -> str:
    cause = getattr(error, "orig", None)
    code = getattr(error, "code", None) or getattr(error, "errno", None)
    parts = [type(error).__name__, *([type(cause.__cause__).__name__] if cause else []), *([str(code)] if code else [])]
    return "-".join(parts)


@pytest.mark.parametrize("error", BAD_DAYS, ids=named)
def test_waiting_can_help(error: BaseException) -> None:
    assert is_bad_day(error)


@pytest.mark.parametrize("error", [*BAD_MESSAGES, *UNFORESEEN], ids=named)
def test_waiting_cannot_help(error: BaseException) -> None:
    assert not is_bad_day(error)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (from_sqlalchemy(pg.SerializationError(MARK)), "postgresql"),
        (sqlalchemy.exc.TimeoutError(), "postgresql"),
        (pymongo.errors.OperationFailure("x", code=13), "mongodb"),
        (pymongo.errors.ServerSelectionTimeoutError(MARK), "mongodb"),
        (aiokafka.errors.KafkaTimeoutError(), "kafka"),
        (ProviderAway("the WhatsApp provider answered 500"), "outside"),
        (ConnectionRefusedError(errno.ECONNREFUSED, MARK), "outside"),
        (ZeroDivisionError(), "own"),
    ],
)
def test_an_attempt_that_is_made_again_is_counted_by_whose_fault_it_is(error: BaseException, kind: str) -> None:
    assert retry_kind(error) == kind


@pytest.mark.parametrize("error", BAD_MESSAGES, ids=named)
def test_the_message_itself_causes_it(error: BaseException) -> None:
    assert is_bad_message(error)


@pytest.mark.parametrize("error", [*BAD_DAYS, *UNFORESEEN], ids=named)
def test_the_message_does_not_cause_it(error: BaseException) -> None:
    assert not is_bad_message(error)


@pytest.mark.parametrize(
    "error", [each for each in (*BAD_DAYS, *BAD_MESSAGES, *UNFORESEEN) if MARK in repr(each)], ids=named
)
def test_no_error_is_described_with_its_values(error: BaseException) -> None:
    assert MARK not in describe(error)
    assert describe(error)


def validation_error(model: type[BaseModel], content: dict[str, Any]) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(content)
    return caught.value


def test_a_message_of_wrong_form_is_described_by_the_place_not_the_value() -> None:
    message = plain(ChunkAccepted, live=2)
    message["live"] |= {"phone": [{"x": MARK}, 1], "name": [MARK, None]}
    assert describe(validation_error(ChunkAccepted, message)) == "ValidationError at live.name, live.phone"


def test_a_message_that_is_no_object_is_described_as_such() -> None:
    with pytest.raises(ValidationError) as caught:
        ChunkAccepted.model_validate_json(f'"{MARK}"')
    assert describe(caught.value) == "ValidationError at the message"


def test_our_own_errors_keep_their_words() -> None:
    assert describe(BadMessage("no such chunk")) == "BadMessage: no such chunk"
    assert describe(BadDay("a tag was deleted")) == "BadDay: a tag was deleted"


def test_errors_of_databases_are_described_by_their_code() -> None:
    assert describe(from_sqlalchemy(pg.DeadlockDetectedError(MARK))) == (
        "PostgreSQL: DeadlockDetectedError sqlstate=40P01"
    )
    assert describe(pymongo.errors.OperationFailure(MARK, 11600)) == "MongoDB: OperationFailure code=11600"


def test_an_error_of_postgresql_names_the_table_column_and_constraint_that_it_is_about() -> None:
    """Of the schema, and no values: people on call find by them what to mend."""
    error = pg.NotNullViolationError(MARK)
    error.detail, error.table_name, error.column_name = MARK, "amigocare_leads", "channel_id"
    assert describe(from_sqlalchemy(error)) == (
        "PostgreSQL: NotNullViolationError sqlstate=23502 table=amigocare_leads column=channel_id"
    )
    twice = pg.UniqueViolationError(MARK)
    twice.table_name, twice.constraint_name = "chat_tags", "chat_tags_key"
    assert describe(from_sqlalchemy(twice)).endswith(" sqlstate=23505 table=chat_tags constraint=chat_tags_key")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (pymongo.errors._OperationCancelled("operation cancelled"), "MongoDB: AutoReconnect"),
        (aiokafka.errors.KafkaConnectionError(), "Kafka: KafkaConnectionError"),
        (pg.ConnectionDoesNotExistError(MARK), "PostgreSQL: ConnectionDoesNotExistError"),
        (sqlalchemy.exc.TimeoutError("QueuePool limit"), "PostgreSQL: no connection of the pool became free in time"),
        (OSError(errno.ENOSPC, MARK), "OSError"),
    ],
)
def test_a_drivers_error_names_its_server_and_no_class_that_the_driver_hides(error: BaseException, words: str) -> None:
    assert describe(error) == words


def test_a_bad_deploy_passes_every_handler_of_exceptions() -> None:
    assert not issubclass(BadDeploy, Exception)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (from_sqlalchemy(pg.InvalidPasswordError("password authentication failed")), "authentication failed (28P01)"),
        (pymongo.errors.OperationFailure("Authentication failed., full error: {…}", 18), "Authentication failed. (18)"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "Connection refused"),
        (TimeoutError(), "no answer in time"),
        (aiokafka.errors.KafkaConnectionError("Unable to bootstrap"), "Unable to bootstrap"),
    ],
)
def test_why_a_server_did_not_answer_is_said_in_its_own_words(error: BaseException, words: str) -> None:
    assert words in reason(error)


def test_what_a_driver_says_of_its_own_is_no_reason_for_people() -> None:
    """It may quote an address with its password."""
    assert MARK not in reason(asyncpg.ClientConfigurationError(MARK))
    assert MARK not in reason(ValueError(MARK))
