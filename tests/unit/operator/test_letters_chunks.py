"""Where the chunk of a dead letter is now."""

from datetime import UTC, datetime

import pytest

from libs.imports.chunk_states import NamedChunk
from services.operator.domain import ChunkLine, place_now

ACCEPTED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ANOTHER = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def line(*, settled: bool, dead: bool) -> ChunkLine:
    return ChunkLine(0, 10, ACCEPTED, 1, ACCEPTED if settled else None, dead)


STORED = {
    (1, 0): (ACCEPTED, line(settled=True, dead=True)),
    (2, 0): (ACCEPTED, line(settled=False, dead=False)),
    (3, 0): (ACCEPTED, line(settled=True, dead=False)),
    (3, 9): (ACCEPTED, None),
}


@pytest.mark.parametrize(
    ("chunk", "words"),
    [
        (NamedChunk(1, 0, ACCEPTED), "dead-lettered"),
        (NamedChunk(2, 0, ACCEPTED), "in flight"),
        (NamedChunk(3, 0), "settled"),
        (NamedChunk(3, 0, ANOTHER), "its import is gone: another was given the id"),
        (NamedChunk(3, 9, ACCEPTED), "no such chunk"),
        (NamedChunk(4, 0, ACCEPTED), "no such import"),
    ],
)
def test_it_is_said_in_words(chunk: NamedChunk, words: str) -> None:
    assert place_now(chunk, STORED) == words
