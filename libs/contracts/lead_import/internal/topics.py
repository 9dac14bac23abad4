"""The topics by which a chunk passes from stage to stage, and the topic of the chunks that could not."""

from typing import Any

from libs.common.topics import DAY, DeadLetters, Topic
from libs.contracts.lead_import.internal.chunk_keys import chunk_key, chunk_piece, chunk_subject
from libs.contracts.lead_import.internal.messages import (
    Chunk,
    ChunkAccepted,
    ChunkCreated,
    ChunkDeduplicated,
    ChunkTagged,
)


def _by_chunk(chunk: Chunk[Any]) -> str:
    return chunk_key(chunk.import_id, chunk.chunk_index)


def _subject(chunk: Chunk[Any]) -> str:
    return chunk_subject(chunk.import_id, chunk.chunk_index, chunk.accepted_at)


def _by_import(chunk: Chunk[Any]) -> str:
    return str(chunk.import_id)


CHUNK_ACCEPTED = Topic(
    name="lead.import-chunk-accepted.v1",
    event=ChunkAccepted,
    event_type="lead:import-chunk-accepted",
    key=_by_chunk,
    identity=_subject,
    owner="api",
    readers=("dedup",),
    retention_hours=DAY,
    also_sent_by=("finalizer",),
)
CHUNK_DEDUPLICATED = Topic(
    name="lead.import-chunk-deduplicated.v1",
    event=ChunkDeduplicated,
    event_type="lead:import-chunk-deduplicated",
    key=_by_chunk,
    identity=_subject,
    owner="dedup",
    readers=("tagger",),
    retention_hours=DAY,
)
CHUNK_TAGGED = Topic(
    name="lead.import-chunk-tagged.v1",
    event=ChunkTagged,
    event_type="lead:import-chunk-tagged",
    key=_by_chunk,
    identity=_subject,
    owner="tagger",
    readers=("creator",),
    retention_hours=DAY,
)
CHUNK_CREATED = Topic(
    name="lead.import-chunk-created.v1",
    event=ChunkCreated,
    event_type="lead:import-chunk-created",
    key=_by_import,
    identity=_subject,
    owner="creator",
    readers=("finalizer", "api", "enroller"),
    retention_hours=DAY,
)

DEAD_LETTERS = DeadLetters(
    topic="lead.import-dead-letter.v1",
    readers=("finalizer",),
    writers=("dedup", "tagger", "creator", "finalizer"),
    piece_of=chunk_piece,
    piece_header="x-chunk",
)
"""A chunk's letters are keyed by its import's id, so that one finalizer has them all."""
