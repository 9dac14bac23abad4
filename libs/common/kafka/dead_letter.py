"""The dead letter's form: the raw bytes, and UTF-8 headers that say where they came from and why."""

from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRecord

from libs.common.errors import describe
from libs.common.events.topics import chunk_of_key

ORIGINAL_HEADER = "x-original-header-"


def chunk_of(record: ConsumerRecord[Any, Any]) -> tuple[int, int] | None:
    """Return (import id, chunk index) of a chunk's message, by its ``ce_subject`` or its key."""
    subject = next((value for name, value in record.headers if name == "ce_subject"), None)
    return chunk_of_key(subject) or chunk_of_key(record.key)


def dead_letter_key(record: ConsumerRecord[Any, Any]) -> bytes | None:
    """Return the import's id when the record is a chunk's, its own key otherwise."""
    chunk = chunk_of(record)
    return str(chunk[0]).encode() if chunk else record.key


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "backslashreplace")


def dead_letter_headers(
    record: ConsumerRecord[Any, Any], error: Exception, *, service: str, attempts: int
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
    chunk = chunk_of(record)
    if chunk:
        headers["x-chunk"] = f"{chunk[0]}:{chunk[1]}"
    for name, value in record.headers:
        headers[ORIGINAL_HEADER + name] = _text(value)
    return headers


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter as its readers see it. ``chunk`` is (import id, chunk index), or None for a stranger."""

    chunk: tuple[int, int] | None
    original_topic: str
    original_key: str
    exception_type: str
    exception_message: str
    attempts: int
    service: str


def read_dead_letter(record: ConsumerRecord[Any, Any]) -> DeadLetter:
    """Read a dead letter's headers; what is missing or not UTF-8 reads as empty."""
    headers = {name: _text(value) for name, value in record.headers}
    attempts = headers.get("x-attempt", "")
    key = headers.get("x-original-key", "")
    return DeadLetter(
        chunk=chunk_of_key(headers.get("x-chunk", "").encode()),
        original_topic=headers.get("x-original-topic", ""),
        original_key=key,
        exception_type=headers.get("x-exception-type", ""),
        exception_message=headers.get("x-exception-message", ""),
        attempts=int(attempts) if attempts.isdigit() else 0,
        service=headers.get("x-service", ""),
    )
