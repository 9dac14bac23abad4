"""A dead letter says where a message came from and why, whatever bytes the message was made of."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord

from libs.common.errors import BadMessage
from libs.common.kafka.dead_letter import (
    DeadLetter,
    dead_letter_headers,
    dead_letter_key,
    piece_of_record,
    read_dead_letter,
)
from libs.contracts.lead_import.internal.topics import DEAD_LETTERS

MARK = "maria@exemplo.com.br"


def record(
    *, key: bytes | None = b"12:3", headers: list[tuple[str, bytes | None]] | None = None, value: bytes = b"{}"
) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord(
        topic="lead.import-chunk-tagged.v1",
        partition=4,
        offset=99,
        timestamp=1_795_435_200_000,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=len(key or b""),
        serialized_value_size=len(value),
        headers=headers or [],
    )


def letter_of(failed: ConsumerRecord[Any, Any], error: Exception | None = None) -> dict[str, str]:
    error = error or BadMessage("no such chunk")
    return dead_letter_headers(failed, error, dead_letters=DEAD_LETTERS, service="creator", attempts=3)


def written(failed: ConsumerRecord[Any, Any]) -> ConsumerRecord[Any, Any]:
    """Return the dead letter as its reader gets it from Kafka."""
    return record(
        key=dead_letter_key(failed, DEAD_LETTERS),
        value=failed.value,
        headers=[(name, value.encode()) for name, value in letter_of(failed).items()],
    )


def test_the_headers_say_where_the_message_came_from_and_why() -> None:
    assert letter_of(record(headers=[("ce_subject", b"12:3:1795435200000001"), ("traceparent", b"00-abc")])) == {
        "x-original-topic": "lead.import-chunk-tagged.v1",
        "x-original-partition": "4",
        "x-original-offset": "99",
        "x-original-timestamp": "1795435200000",
        "x-original-key": "12:3",
        "x-exception-type": "BadMessage",
        "x-exception-message": "BadMessage: no such chunk",
        "x-attempt": "3",
        "x-service": "creator",
        "x-chunk": "12:3:1795435200000001",
        "x-original-header-ce_subject": "12:3:1795435200000001",
        "x-original-header-traceparent": "00-abc",
    }


def test_a_reader_gets_back_what_was_written() -> None:
    assert read_dead_letter(written(record()), DEAD_LETTERS) == DeadLetter(
        piece=(12, 3),
        original_topic="lead.import-chunk-tagged.v1",
        original_key="12:3",
        exception_type="BadMessage",
        exception_message="BadMessage: no such chunk",
        attempts=3,
        service="creator",
    )


def test_keys_and_headers_that_are_not_utf8_survive_as_utf8() -> None:
    headers = letter_of(record(key=b"\xff\x00k", headers=[("ce_id", b"caf\xe9"), ("empty", b""), ("none", None)]))
    assert headers["x-original-key"] == "\\xff\x00k"
    assert headers["x-original-header-ce_id"] == "caf\\xe9"
    assert headers["x-original-header-empty"] == headers["x-original-header-none"] == ""
    for value in headers.values():
        value.encode("utf-8")


def test_the_error_is_told_without_the_messages_values() -> None:
    assert MARK not in str(letter_of(record(value=MARK.encode()), ValueError(MARK)))


@pytest.mark.parametrize(
    ("key", "headers", "chunk"),
    [
        (b"12:3", [], (12, 3)),
        (b"12", [("ce_subject", b"12:3:45")], (12, 3, 45)),  # a created chunk is keyed by its import
        (b"9:9", [("ce_subject", b"12:3:45")], (12, 3, 45)),
        (b"12:3", [("ce_subject", b"12:3")], (12, 3)),  # of a version whose subjects did not say the time
        (b"12:3", [("ce_subject", b"12:3:4:5")], (12, 3)),
        (b"12:3", [("ce_subject", b"12:3:" + b"9" * 30)], (12, 3)),  # no time that can be
        (b"12:3", [("ce_subject", b"\xff")], (12, 3)),
        (b"12:3", [("ce_subject", None)], (12, 3)),
        (b"12", [("ce_subject", b"12")], None),
        (b"12", [], None),
        (b"\xff", [], None),
        (None, [], None),
        (b"99999999999:3", [], None),
    ],
)
def test_a_chunks_message_is_known_by_its_subject_or_else_its_key(
    key: bytes | None, headers: list[tuple[str, bytes | None]], chunk: tuple[int, ...] | None
) -> None:
    failed = record(key=key, headers=headers)
    assert piece_of_record(failed, DEAD_LETTERS) == chunk
    assert letter_of(failed).get("x-chunk") == (":".join(map(str, chunk)) if chunk else None)
    assert dead_letter_key(failed, DEAD_LETTERS) == (b"12" if chunk else key)


@pytest.mark.parametrize("attempts", [None, b"", b"x", b"-1", b"\xff", "\u0663".encode()])
def test_a_letter_that_lacks_its_headers_is_read_as_a_strangers(attempts: bytes | None) -> None:
    failed = record(key=b"12", headers=[("x-attempt", attempts), ("x-chunk", b"1:2:3:4")])
    letter = read_dead_letter(failed, DEAD_LETTERS)
    assert letter == DeadLetter(None, "", "", "", "", letter.attempts, "")
    assert letter.attempts in (0, 3)
