"""What is to be created of a chunk, and what came of it: pure."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any

from libs.contracts.lead_import.internal.messages import (
    ChunkCreated,
    ChunkTagged,
    CreatedRows,
    Outcome,
    Verdict,
    envelope,
    settle,
)
from libs.imports.chat_ids import chat_ids_of_rows
from libs.imports.chunk_states import CANCELED_ROW

CHANNEL = "IMPORT"
"""The lead channel of every imported lead."""

LEAD_EXISTS = Verdict(outcome=Outcome.EXISTING, reason="lead_exists")
CHAT_EXISTS = Verdict(outcome=Outcome.EXISTING, reason="chat_exists")
CHAT_REFUSED = Verdict(outcome=Outcome.ERROR, reason="chat_refused")

LONG = timedelta(seconds=2)
"""A look at a chunk's state is good for so long. Kafka gives the message of a process that stands still to another one
after its session's ten seconds; before that nobody else ends the chunk, let alone takes back what was made of it."""


def chat_ids(chunk: ChunkTagged) -> list[str]:
    """Return each live row's chat id, by which a replay recognises its own chats and leads."""
    return chat_ids_of_rows(chunk.import_id, chunk.accepted_at, chunk.live.row)


def created_chunk(
    chunk: ChunkTagged,
    ids: Sequence[str],
    lead_ids: Mapping[str, int],
    verdicts: Mapping[int, Verdict],
    *,
    canceled: bool = False,
) -> ChunkCreated:
    """Return the chunk's last message. ``lead_ids`` maps the chat ids that have a lead of this import.

    A row with neither lead nor verdict lost the race for its phone to another lead, unless the import was canceled
    before.
    """
    otherwise = CANCELED_ROW if canceled else LEAD_EXISTS
    decided = {index: verdicts.get(index, otherwise) for index, chat_id in enumerate(ids) if chat_id not in lead_ids}
    _, settled = settle(chunk, decided)
    staying = [index for index in range(len(ids)) if index not in decided]
    live = CreatedRows(
        row=[chunk.live.row[index] for index in staying],
        lead_id=[lead_ids[ids[index]] for index in staying],
        chat_id=[ids[index] for index in staying],
    )
    return ChunkCreated(**envelope(chunk), live=live, settled=settled)


def chat_documents(
    chunk: ChunkTagged, ids: Sequence[str], lead_ids: Mapping[str, int], *, now: datetime, object_id: Any
) -> list[dict[str, Any]]:
    """Return the chats of the rows that have a lead, each already holding its ``lead_id``.

    ``object_id`` makes the driver's id of 24 hex digits.
    """
    live = chunk.live
    return [
        {
            "_id": object_id(chat_id),
            "company_id": chunk.company_id,
            "account_id": chunk.account_id,
            "lead_id": lead_ids[chat_id],
            "import_id": chunk.import_id,
            "name": live.name[index],
            "contact_cellphone": live.phone[index],
            "contact_cellphone_dial_code": live.dial_code[index],
            "contact_cellphone_country_code": live.country_code[index],
            "created_at": now,
            "updated_at": now,
        }
        for index, chat_id in enumerate(ids)
        if chat_id in lead_ids
    ]


def chat_tag_columns(
    chunk: ChunkTagged, ids: Sequence[str], lead_ids: Mapping[str, int]
) -> tuple[list[str], list[int], list[int]]:
    """Return the columns (chat id, tag id, lead id) of all chat_tags of the rows that have a lead."""
    chats: list[str] = []
    tags: list[int] = []
    leads: list[int] = []
    for chat_id, tag_ids in zip(ids, chunk.live.row_tag_ids, strict=True):
        lead_id = lead_ids.get(chat_id)
        if lead_id is not None:
            chats.extend([chat_id] * len(tag_ids))
            tags.extend(tag_ids)
            leads.extend([lead_id] * len(tag_ids))
    return chats, tags, leads


def rows_to_insert(count: int, skipped: AbstractSet[int]) -> list[int]:
    """Return the indexes of the rows that shall become leads."""
    return [index for index in range(count) if index not in skipped]


def is_long_ago(then: datetime, now: datetime) -> bool:
    """Tell whether what was true at ``then`` has to be looked at again; a clock that jumped is a reason, too."""
    return abs(now - then) > LONG
