"""A chunk's life: every statement that moves a chunk of an import from one state to the next, in one place.

    accepted ──claim──► leased ──mark sent──► in flight ──settle──► settled
        ▲ │                │release               │   │                (well, or dead-lettered)
        │ └────────────────┼──cancel──────────────┼───┴────────────────►   │
        ├──────────────────┘                      │                        │
        ├───────────────send again (silent)───────┘                        │
        └───────────────────reopen (a replay of a dead letter)─────────────┘

Between accepted and in flight it is moved by ``chunk_sending``. The finalizer settles it and drops its payload, which
is kept as long as the chunk may have to be sent again. Of an import that is being canceled the finalizer settles every
chunk that has no lead yet, wherever it is; messages of it that are still on their way are then dropped as those of any
chunk that has ended. One that has leads ends by its own message, and makes no more of them.

Which state a chunk is in follows from its columns: ``lease_until`` (a relay has it), ``sent_at`` (Kafka has it),
``settled_at`` (its rows have ended), ``dead_lettered`` (they ended as errors that a replay may replace).

Every call is part of the caller's transaction. Transitions of several chunks are one statement.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.errors import BadMessage
from libs.contracts.lead_import.internal.messages import Chunk
from libs.imports.chunk_states import (
    NO_SUCH_CHUNK,
    Acceptance,
    ChunkOutcome,
    ChunkState,
    HeldChunk,
    HeldImport,
    NamedChunk,
    OpenChunk,
    Place,
    Totals,
    place_columns,
)

_ACCEPT = text(
    """
    INSERT INTO amigocare.lead_import_chunks (import_id, chunk_index, row_count, payload)
    SELECT :import_id, given.chunk_index, given.row_count, given.payload
    FROM unnest(CAST(:indexes AS int[]), CAST(:row_counts AS int[]), CAST(:payloads AS bytea[]))
         AS given (chunk_index, row_count, payload)
    """
)
# Whoever settles a chunk, or opens it again, locks the row of its import first. Two transactions that settle the last
# two chunks at once would otherwise each see the other's chunk unsettled, and neither would end the import. Rows are
# locked in order of their ids, because in different orders two transactions would wait for each other (a deadlock).
# NO KEY UPDATE, because leads are inserted meanwhile, and their foreign keys must be able to lock the import's key.
_LOCK = text(
    "SELECT id FROM amigocare.lead_imports WHERE id = ANY(CAST(:imports AS int[])) ORDER BY id FOR NO KEY UPDATE"
)
# The import that a message speaks of, and no other that was given its id. A letter does not say the company.
_LOCK_MEANT = text(
    """
    SELECT id, cancel_requested_at IS NOT NULL FROM amigocare.lead_imports
    WHERE id = :import_id AND created_at = :accepted_at
      AND (company_id = CAST(:company_id AS int) OR CAST(:company_id AS int) IS NULL)
    FOR NO KEY UPDATE
    """
)
_LOCK_CANCELED = text(
    """
    SELECT id, true FROM amigocare.lead_imports
    WHERE id = :import_id AND status = 'PROCESSING' AND cancel_requested_at IS NOT NULL
    FOR NO KEY UPDATE
    """
)
# Locked against whoever makes leads of them (``_HELD``): none are being made while these are looked at.
_LOCK_OPEN = text(
    """
    SELECT chunk_index, row_count, payload FROM amigocare.lead_import_chunks
    WHERE import_id = :import_id AND settled_at IS NULL AND chunk_index > :after
    ORDER BY chunk_index LIMIT :chunks FOR UPDATE
    """
)
_STATE = text(
    """
    SELECT row_count, settled_at IS NOT NULL, dead_lettered, coalesce(total_created, 0)
    FROM amigocare.lead_import_chunks WHERE import_id = :import_id AND chunk_index = :chunk_index
    """
)
_PAYLOAD = text(
    "SELECT payload FROM amigocare.lead_import_chunks WHERE import_id = :import_id AND chunk_index = :chunk_index"
)
_SETTLE = text(
    """
    UPDATE amigocare.lead_import_chunks
    SET settled_at = now(), dead_lettered = :dead_lettered, sent_at = coalesce(sent_at, now()),
        payload = CASE WHEN :dead_lettered THEN payload END,
        total_created = :created, total_existing = :existing, total_errors = :errors, reasons = CAST(:reasons AS jsonb)
    WHERE import_id = :import_id AND chunk_index = :chunk_index
    """
)
_FORGET_ROWS = text(
    "DELETE FROM amigocare.lead_import_rows WHERE import_id = :import_id AND chunk_index = :chunk_index"
)
# What the import keeps of its reasons counts the rows that are replaced. Until it ends anew its rows are counted.
_FORGET_REASONS = text("UPDATE amigocare.lead_imports SET reasons = NULL WHERE id = :import_id")
_RECORD_ROWS = text(
    """
    INSERT INTO amigocare.lead_import_rows (import_id, row_number, chunk_index, outcome, reason, detail, cells)
    SELECT :import_id, given.row_number, :chunk_index, given.outcome, given.reason, given.detail,
           CAST(given.cells AS jsonb)
    FROM unnest(CAST(:row_numbers AS int[]), CAST(:outcomes AS text[]), CAST(:reasons AS text[]),
                CAST(:details AS text[]), CAST(:cells AS text[]))
         AS given (row_number, outcome, reason, detail, cells)
    ON CONFLICT (import_id, row_number) DO NOTHING
    """
)
# settled_at IS NULL alone would say the same. Asked in two halves it is answered from the two partial indexes, one of
# chunks that wait and one of chunks in flight, and the settled chunks of an import are never read.
_UNSETTLED = text(
    """
    SELECT EXISTS (SELECT FROM amigocare.lead_import_chunks
                   WHERE import_id = :import_id AND sent_at IS NULL AND settled_at IS NULL)
        OR EXISTS (SELECT FROM amigocare.lead_import_chunks
                   WHERE import_id = :import_id AND sent_at IS NOT NULL AND settled_at IS NULL)
    """
)
_TOTALS = text(
    """
    SELECT coalesce(sum(total_created), 0), coalesce(sum(total_existing), 0), coalesce(sum(total_errors), 0),
           count(*) FILTER (WHERE dead_lettered), coalesce(sum((reasons ->> 'canceled')::int), 0),
           CASE WHEN bool_and(reasons IS NOT NULL OR total_existing + total_errors = 0)
                THEN coalesce(jsonb_agg(reasons) FILTER (WHERE reasons <> '{}'), '[]') END
    FROM amigocare.lead_import_chunks WHERE import_id = :import_id
    """
)
_REOPEN = text(
    """
    WITH dead AS (
        UPDATE amigocare.lead_import_chunks c
        SET settled_at = NULL, sent_at = NULL, dead_lettered = false,
            total_created = NULL, total_existing = NULL, total_errors = NULL, reasons = NULL
        FROM unnest(CAST(:imports AS int[]), CAST(:indexes AS int[]), CAST(:times AS timestamptz[]))
             AS given (import_id, chunk_index, accepted_at)
        JOIN amigocare.lead_imports i
             ON i.id = given.import_id AND (i.created_at = given.accepted_at OR given.accepted_at IS NULL)
             AND NOT EXISTS (SELECT FROM amigocare.lead_import_undos WHERE import_id = i.id)
        WHERE c.import_id = given.import_id AND c.chunk_index = given.chunk_index
          AND c.dead_lettered AND c.payload IS NOT NULL
        RETURNING c.import_id, c.chunk_index
    ), forgotten AS (
        DELETE FROM amigocare.lead_import_rows r USING dead
        WHERE r.import_id = dead.import_id AND r.chunk_index = dead.chunk_index
    ), opened AS (
        UPDATE amigocare.lead_imports i SET status = 'PROCESSING', finished_at = NULL, failure_reason = NULL,
               updated_at = now()
        WHERE i.id IN (SELECT import_id FROM dead)
    )
    SELECT import_id, chunk_index FROM dead
    """
)
# A chunk that has not ended, kept so until the caller's commit: whoever settles it waits, and with it the end of its
# import, which comes after its last chunk. And a statement that had to wait here sees the chunk as it is after that.
# It is a chunk of the import that the message speaks of, and of no other that was given its id.
_HELD = """
    FROM amigocare.lead_import_chunks c
    JOIN amigocare.lead_imports i
         ON i.id = c.import_id AND i.company_id = :company_id AND i.created_at = :accepted_at
    WHERE c.import_id = :import_id AND c.chunk_index = :chunk_index {and_open}
    FOR SHARE OF c
"""
_OPEN = "SELECT c.chunk_index" + _HELD
OPEN = _OPEN.format(and_open="AND c.settled_at IS NULL")
"""Gives one row of an open chunk, none of one that has ended; a part of statements that must make nothing then. Its
parameters are ``meant_chunk``'s."""
CARRIES_MORE = "carries_more"
"""The import's option that says that its chunks carry more than the five columns: further ones, or a list."""
_WANTED = "AND c.settled_at IS NULL AND i.cancel_requested_at IS NULL"
WANTED = _OPEN.format(and_open=f"{_WANTED} AND NOT coalesce(i.options ? '{CARRIES_MORE}', false)")
"""The same, and none either of an import that is being canceled, or whose chunks carry more: the message has come
through a process of a version that did not know of more, and lost it."""
WANTED_WITH_MORE = _OPEN.format(and_open=_WANTED)
"""The same as ``WANTED``, of a chunk that carries more."""
_CARRIES_MORE = text(
    f"SELECT coalesce(options ? '{CARRIES_MORE}', false) FROM amigocare.lead_imports"
    " WHERE id = :import_id AND created_at = :accepted_at AND company_id = :company_id"
)
_HOLD = text("SELECT c.settled_at IS NOT NULL, i.cancel_requested_at IS NOT NULL" + _HELD.format(and_open=""))


async def accept(connection: AsyncConnection, import_id: int, chunks: Sequence[tuple[int, int, bytes]]) -> None:
    """Insert (chunk index, row count, payload) of new chunks: they wait to be claimed."""
    indexes, row_counts, payloads = zip(*chunks, strict=True)
    await connection.execute(
        _ACCEPT,
        {
            "import_id": import_id,
            "indexes": list(indexes),
            "row_counts": list(row_counts),
            "payloads": list(payloads),
        },
    )


async def lock_imports(connection: AsyncConnection, imports: Sequence[int]) -> set[int]:
    """Hold the rows of these imports until the commit; return the ids of those that exist."""
    return set((await connection.execute(_LOCK, {"imports": sorted(imports)})).scalars())


async def lock_meant(connection: AsyncConnection, meant: Acceptance) -> HeldImport | None:
    """Hold the import that a message speaks of until the commit; None when there is none: it was another's."""
    row = (await connection.execute(_LOCK_MEANT, _meant(meant))).one_or_none()
    return HeldImport(*row) if row else None


async def lock_canceled(connection: AsyncConnection, import_id: int) -> HeldImport | None:
    """Hold an import that is being canceled until the commit; None when it has ended, or goes on."""
    row = (await connection.execute(_LOCK_CANCELED, {"import_id": import_id})).one_or_none()
    return HeldImport(*row) if row else None


async def lock_open(connection: AsyncConnection, import_id: int, *, after: int, chunks: int) -> list[OpenChunk]:
    """Hold so many chunks that have not ended, behind the chunk ``after``, against whoever makes leads of them."""
    given = {"import_id": import_id, "after": after, "chunks": chunks}
    return [OpenChunk(*row) for row in await connection.execute(_LOCK_OPEN, given)]


async def state(connection: AsyncConnection, chunk: Place) -> ChunkState | None:
    """Return the chunk's state, or None when there is no such chunk."""
    row = (await connection.execute(_STATE, _place(chunk))).one_or_none()
    return ChunkState(*row) if row else None


async def hold(connection: AsyncConnection, chunk: Chunk[Any]) -> HeldChunk:
    """Tell whether the chunk has ended, well or badly, or is being canceled; hold it as it is until the commit.

    Raises BadMessage when there is no such chunk of the import that the message speaks of.
    """
    row = (await connection.execute(_HOLD, meant_chunk(chunk))).one_or_none()
    if row is None:
        raise BadMessage(NO_SUCH_CHUNK)
    return HeldChunk(*row)


async def payload(connection: AsyncConnection, chunk: Place) -> bytes | None:
    """Return the chunk as the api accepted it, or None once it is settled well."""
    found: bytes | None = (await connection.execute(_PAYLOAD, _place(chunk))).scalar_one_or_none()
    return found


async def carries_more(connection: AsyncConnection, chunk: Chunk[Any]) -> bool:
    """Tell whether the import's chunks carry more than the five columns."""
    found = (await connection.execute(_CARRIES_MORE, _meant(Acceptance.of(chunk)))).scalar_one_or_none()
    return bool(found)


async def settle(connection: AsyncConnection, chunk: Place, outcome: ChunkOutcome, *, again: bool) -> None:
    """Write the chunk's outcome; ``again``: in place of an earlier one. The caller has locked the import.

    A dead-lettered chunk keeps its payload: a replay sends it once more.
    """
    counts = {name: getattr(outcome, name) for name in ("created", "existing", "errors", "reasons", "dead_lettered")}
    await connection.execute(_SETTLE, _place(chunk) | counts)
    if again:
        await connection.execute(_FORGET_ROWS, _place(chunk))
        await connection.execute(_FORGET_REASONS, {"import_id": chunk[0]})
    if outcome.rows:
        rows = {
            "row_numbers": [row.row for row in outcome.rows],
            "outcomes": [row.outcome for row in outcome.rows],
            "reasons": [row.reason for row in outcome.rows],
            "details": [row.detail for row in outcome.rows],
            "cells": [json.dumps(row.cells, ensure_ascii=False) for row in outcome.rows],
        }
        await connection.execute(_RECORD_ROWS, _place(chunk) | rows)


async def totals(connection: AsyncConnection, import_id: int) -> Totals | None:
    """Return the sums over all chunks, or None while one is unsettled. Counted, never incremented."""
    if (await connection.execute(_UNSETTLED, {"import_id": import_id})).scalar_one():
        return None
    return Totals(*(await connection.execute(_TOTALS, {"import_id": import_id})).one())


async def reopen(connection: AsyncConnection, chunks: Sequence[NamedChunk]) -> list[Place]:
    """Let dead-lettered chunks wait to be claimed once more, and their imports be in progress; return those that do.

    The import ends again with its next revision. A second run finds nothing: the chunks are no longer
    dead-lettered. Nor is anything done to an import that was accepted at another time than the chunk's, or that
    somebody has taken back.
    """
    await lock_imports(connection, [chunk.import_id for chunk in chunks])
    places = place_columns([(chunk.import_id, chunk.chunk_index) for chunk in chunks])
    reopened = await connection.execute(_REOPEN, places | {"times": [chunk.accepted_at for chunk in chunks]})
    return sorted((row.import_id, row.chunk_index) for row in reopened)


def meant_chunk(chunk: Chunk[Any]) -> dict[str, Any]:
    """Return the parameters by which a statement knows the chunk that a message speaks of, and no other."""
    return _meant(Acceptance.of(chunk)) | {"chunk_index": chunk.chunk_index}


def _meant(meant: Acceptance) -> dict[str, Any]:
    return {"import_id": meant.import_id, "accepted_at": meant.accepted_at, "company_id": meant.company_id}


def _place(chunk: Place) -> dict[str, int]:
    return {"import_id": chunk[0], "chunk_index": chunk[1]}
