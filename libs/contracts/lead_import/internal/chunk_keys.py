"""Which chunk a message is about: by its key, ``import_id:chunk_index``, and for ever by its subject.

The subject, ``import_id:chunk_index:acceptance_number``, also says when the import was accepted: a database that was
restored gives ids again.
"""

from datetime import datetime

from libs.common.messages import ID_LIMIT
from libs.contracts.lead_import.acceptance import acceptance_number, accepted_at_of

CHUNK_KEY_BYTES = 24
SUBJECT_BYTES = 48


def chunk_key(import_id: int, chunk_index: int) -> str:
    """Return the key of a chunk's messages."""
    return f"{import_id}:{chunk_index}"


def chunk_subject(import_id: int, chunk_index: int, accepted_at: datetime) -> str:
    """Return the ``ce_subject`` of a chunk's messages."""
    return f"{import_id}:{chunk_index}:{acceptance_number(accepted_at)}"


def chunk_of_key(key: bytes | None) -> tuple[int, int] | None:
    """Return (import id, chunk index) of a chunk message's key, or None when it is no such key."""
    match _numbers(key, most_bytes=CHUNK_KEY_BYTES):
        case (import_id, chunk_index):
            return import_id, chunk_index
    return None


def chunk_piece(text: bytes | None) -> tuple[int, ...] | None:
    """Return the numbers of a chunk's subject or key: the piece of its dead letters. None when it is neither."""
    return _numbers(text, most_bytes=SUBJECT_BYTES) or None


def _numbers(text: bytes | None, *, most_bytes: int) -> tuple[int, ...]:
    """Return the two or three numbers, or () when it is anything else, or more than ids and times can be."""
    if text is None or len(text) > most_bytes:
        return ()
    parts = text.split(b":")
    if len(parts) not in {2, 3} or not all(part.isdigit() for part in parts):
        return ()
    numbers = tuple(map(int, parts))
    try:
        accepted_at_of(numbers[-1])
    except OverflowError:
        return ()
    return numbers if max(numbers[:2]) <= ID_LIMIT else ()
