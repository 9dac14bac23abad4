"""Which tags a row gets: pure."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from libs.contracts.lead_import.internal.messages import ChunkDeduplicated, ChunkTagged, LiveRows, TaggedRows, envelope


def tag_names(live: LiveRows) -> list[str]:
    """Return the distinct tag names of the live rows, in order: settled rows must not make tags."""
    return sorted({name for names in live.tags for name in names})


def tag_rows(chunk: ChunkDeduplicated, ids: Mapping[str, int], requested: AbstractSet[int]) -> ChunkTagged:
    """Give every live row the request's tags, then its own, each once.

    ``ids`` holds every name; of the request's tags those that are ``requested`` are still there.
    """
    first = [tag_id for tag_id in chunk.tag_ids if tag_id in requested]
    return _tagged(chunk, [list(dict.fromkeys([*first, *(ids[name] for name in names)])) for names in chunk.live.tags])


def without_tags(chunk: ChunkDeduplicated) -> ChunkTagged:
    """Return the chunk for whom makes no lead of it, but finishes those that there are: they have their tags."""
    return _tagged(chunk, [[] for _ in chunk.live.tags])


def _tagged(chunk: ChunkDeduplicated, row_tag_ids: list[list[int]]) -> ChunkTagged:
    columns = {column: getattr(chunk.live, column) for column in LiveRows.model_fields}
    live = TaggedRows.model_construct(**columns, row_tag_ids=row_tag_ids)
    return ChunkTagged(**envelope(chunk), live=live, settled=chunk.settled)
