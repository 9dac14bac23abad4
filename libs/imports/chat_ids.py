"""The ids of an import's chats: they follow from import and row, so that a replay recognises its own chats and leads.

An id is a MongoDB ObjectId of 24 hexadecimal digits. Time of acceptance, import and row take its three parts, four
bytes each: ids ascend as the index likes them, and those of an import are one range of it, in the order of the file.
"""

import struct
from collections.abc import Iterable
from datetime import datetime

LAST_ROW = 0xFFFFFFFF


def chat_prefix(import_id: int, accepted_at: datetime) -> str:
    """Return how the ids of an import's chats begin: time of acceptance in seconds, then its id."""
    return struct.pack(">II", int(accepted_at.timestamp()) & 0xFFFFFFFF, import_id).hex()


def chat_ids_of_rows(import_id: int, accepted_at: datetime, rows: Iterable[int]) -> list[str]:
    """Return the chat id of each row of an import."""
    prefix = chat_prefix(import_id, accepted_at)
    return [f"{prefix}{row:08x}" for row in rows]


def row_of_chat(chat_id: str) -> int:
    """Return the row that the id of an import's chat holds."""
    return int(chat_id[16:], 16)
