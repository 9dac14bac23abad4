"""Chunks of no database: for tests of pure decisions, and phones that no other test has."""

import itertools
import json
from typing import Any

from libs.contracts.lead_import.internal.messages import (
    Chunk,
    ChunkAccepted,
    ChunkCreated,
    ChunkTagged,
    Outcome,
    SettledRow,
)
from tests.support.imports import accepted_chunk, live_rows, tagged
from tests.support.platform import Tenant

NOBODY = Tenant(
    company_id=1,
    user_id=2,
    other_user_id=3,
    account_id=4,
    other_account_id=5,
    tag_ids=[6, 7, 8],
    source_id=9,
    deleted_source_id=10,
)
"""A tenant of pure tests: in no database."""

_fresh = (number for number in itertools.count(81_000_000) if number % 10_000)
"""Numbers that end in 0000 are not on WhatsApp, says the fake provider."""


def phones(count: int) -> list[str]:
    """Return Brazilian mobiles (DDD 11), always the same ones."""
    return [f"119{number}" for number in range(81_000_001, 81_000_001 + count)]


def new_phones(count: int) -> list[str]:
    """Return Brazilian mobiles (DDD 21) that no other test of this run has."""
    return [f"219{next(_fresh)}" for _ in range(count)]


def settled_row(row: int, outcome: Outcome = Outcome.ERROR, reason: str = "phone_invalid") -> SettledRow:
    return SettledRow(row=row, outcome=outcome, reason=reason, cells=[f"Nome {row}", "x", "", "", ""])


def accepted(
    numbers: list[str],
    *,
    settled: list[SettledRow] | None = None,
    tags: list[list[str]] | None = None,
    tag_ids: list[int] | None = None,
) -> ChunkAccepted:
    """Return a chunk of import 7 with these live phones."""
    return accepted_chunk(NOBODY, 7, live_rows(numbers, tags=tags), settled=settled, tag_ids=tag_ids)


def created_like(chunk: ChunkTagged) -> ChunkCreated:
    """Return the chunk's last message when every live row became a lead."""
    fields = chunk.model_dump() | {
        "live": {
            "row": chunk.live.row,
            "lead_id": [1000 + row for row in chunk.live.row],
            "chat_id": [f"{row:024x}" for row in chunk.live.row],
        }
    }
    return ChunkCreated.model_validate(fields)


def plain(stage: type[Chunk[Any]], *, live: int, settled: int = 0) -> dict[str, Any]:
    """Return a good message of a stage as JSON holds it."""
    chunk = accepted(phones(live), settled=[settled_row(100 + number) for number in range(settled)])
    message: Chunk[Any] = chunk
    if stage is ChunkTagged:
        message = tagged(chunk)
    elif stage is ChunkCreated:
        message = created_like(tagged(chunk))
    content: dict[str, Any] = json.loads(message.model_dump_json())
    return content
