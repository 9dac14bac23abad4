"""The dead letter's form: the raw bytes, and UTF-8 headers that say where they came from and why."""

from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRecord

from libs.common.errors import describe
from libs.common.topics import DeadLetters, Piece

ORIGINAL_HEADER = "x-original-header-"


def piece_of_record(record: ConsumerRecord[Any, Any], dead_letters: DeadLetters) -> Piece | None:
    """Return the piece of the owner's work that a message is about, by its ``ce_subject`` or its key."""
    subject = next((value for name, value in record.headers if name == "ce_subject"), None)
    return dead_letters.piece_of(subject) or dead_letters.piece_of(record.key)


def dead_letter_key(record: ConsumerRecord[Any, Any], dead_letters: DeadLetters) -> bytes | None:
    """Return the key of a dead letter: the first number of its piece of work, or the record's own key.

    Letters of one key go to one partition: all whose pieces begin with the same number have the same reader.
    """
    piece = piece_of_record(record, dead_letters)
    return str(piece[0]).encode() if piece else record.key


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "backslashreplace")


def dead_letter_headers(
    record: ConsumerRecord[Any, Any], error: Exception, *, dead_letters: DeadLetters, service: str, attempts: int
) -> dict[str, str]:
    """Return the headers of a dead letter; ``x-exception-message`` never holds the message's own values."""
    headers = {
        "x-original-topic": record.topic,
        "x-original-partition": str(record.partition),
        "x-original-offset": str(record.offset),
        "x-original-timestamp": str(record.timestamp),
        "x-original-key": _text(record.key),
        "x-exception-type": type(error).__name__,
        "x-exception-message": describe(error),
        "x-attempt": str(attempts),
        "x-service": service,
    }
    piece = piece_of_record(record, dead_letters)
    if piece:
        headers[dead_letters.piece_header] = ":".join(map(str, piece))
    for name, value in record.headers:
        headers[ORIGINAL_HEADER + name] = _text(value)
    return headers


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter as its readers see it. ``piece``: the piece of its owner's work that it is about, or None."""

    piece: Piece | None
    original_topic: str
    original_key: str
    exception_type: str
    exception_message: str
    attempts: int
    service: str


def read_dead_letter(record: ConsumerRecord[Any, Any], dead_letters: DeadLetters) -> DeadLetter:
    """Read a dead letter's headers; what is missing or not UTF-8 reads as empty."""
    headers = {name: _text(value) for name, value in record.headers}
    attempts = headers.get("x-attempt", "")
    return DeadLetter(
        piece=dead_letters.piece_of(headers.get(dead_letters.piece_header, "").encode()),
        original_topic=headers.get("x-original-topic", ""),
        original_key=headers.get("x-original-key", ""),
        exception_type=headers.get("x-exception-type", ""),
        exception_message=headers.get("x-exception-message", ""),
        attempts=int(attempts) if attempts.isdigit() else 0,
        service=headers.get("x-service", ""),
    )
