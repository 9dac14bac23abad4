"""The path of a chunk: which groups read it from which topics, and whether it may still be on its way. Pure."""

from collections.abc import Mapping

from libs.contracts.lead_import.internal.chunk_keys import chunk_key
from libs.contracts.lead_import.internal.topics import (
    CHUNK_ACCEPTED,
    CHUNK_CREATED,
    CHUNK_DEDUPLICATED,
    CHUNK_TAGGED,
    DEAD_LETTERS,
)
from libs.imports.chunk_states import Place
from libs.imports.partitions import SpreadChunks

PIPELINE = ("dedup", "tagger", "creator", "finalizer")
"""The consumer groups that a chunk passes, each named as its service."""
DEAD_LETTER_GROUP = "finalizer-dead-letters"
"""The group that settles the chunks that could not pass."""

_BY_CHUNK = (CHUNK_ACCEPTED.name, CHUNK_DEDUPLICATED.name, CHUNK_TAGGED.name)
_BY_IMPORT = (CHUNK_CREATED.name, DEAD_LETTERS.topic)

PATH = tuple(zip((*PIPELINE, DEAD_LETTER_GROUP), (*_BY_CHUNK, *_BY_IMPORT), strict=True))
"""(group, topic), in the order in which a chunk passes them: who publishes to one reads an earlier one."""

PathLags = Mapping[tuple[str, str], Mapping[int, int]]
"""For each (group, topic) of the path: how many messages of each partition the group has not committed."""


def is_on_its_way(chunk: Place, lags: PathLags) -> bool:
    """Tell whether messages wait in a partition that the chunk passes: one of them may be its own.

    What waits in other partitions says nothing about it, however long it waits.
    """
    import_id, chunk_index = chunk
    spread = SpreadChunks()
    for (_, topic), partitions in lags.items():
        key = str(import_id) if topic in _BY_IMPORT else chunk_key(import_id, chunk_index)
        numbers = sorted(partitions)
        if partitions[spread(key.encode(), numbers, numbers)]:
            return True
    return False
