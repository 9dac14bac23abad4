"""The id of a chat that an import opens follows from import and row, so that each is found by the other. Pure."""

import struct
from datetime import datetime

LAST_ROW = 0xFFFFFFFF
_DIGITS_OF_A_ROW = 8


def chat_id_prefix(accepted_at: datetime, import_id: int) -> str:
    """Return how the ids of an import's chats begin, in hexadecimal: time of acceptance in seconds, then its id.

    The last four of an ObjectId's twelve bytes are the row.
    """
    return struct.pack(">II", int(accepted_at.timestamp()) & 0xFFFFFFFF, import_id).hex()


def chat_id_of(accepted_at: datetime, import_id: int, row: int) -> str:
    """Return the id of the chat of a row, in hexadecimal."""
    return f"{chat_id_prefix(accepted_at, import_id)}{row:0{_DIGITS_OF_A_ROW}x}"


def row_of_chat(chat_id: str) -> int:
    """Return the row that a chat of an import was opened for."""
    return int(chat_id[-_DIGITS_OF_A_ROW:], 16)
