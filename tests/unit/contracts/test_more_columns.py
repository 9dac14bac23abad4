"""Columns beyond the five and the list: carried through every stage, and absent from messages of those without."""

from typing import Any
from uuid import UUID

import pytest

from libs.common.topics import Topic
from libs.contracts.lead_import.internal.messages import (
    ChunkAccepted,
    ChunkDeduplicated,
    ChunkTagged,
    LiveRows,
    Outcome,
    Verdict,
    envelope,
    settle,
)
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED, CHUNK_CREATED, CHUNK_DEDUPLICATED, CHUNK_TAGGED
from services.creator.domain import chat_ids, created_chunk
from services.creator.further import further_columns, with_more_of
from services.dedup.domain import settle_known
from services.tagger.domain import tag_rows
from tests.support.chunks import accepted, phones

LIST = UUID("0199a3c2-7b1e-7cc0-9d52-3f8a6b1c2d4e")
MORE: list[dict[str, Any]] = [
    {"field": "notes", "values": ["a", None, "c"]},
    {"field": "custom:age", "values": [1, 2.5, None]},
    {"field": "custom:vip", "values": [True, None, None]},
]
CELLS = [[], ["", "2,5", ""], [" c", "", ""]]


def wide() -> ChunkAccepted:
    chunk = accepted(phones(3))
    live = chunk.live.model_dump() | {"more": MORE, "more_cells": CELLS}
    return ChunkAccepted.model_validate(chunk.model_dump() | {"live": live, "list_id": str(LIST)})


def test_every_stage_passes_them_on() -> None:
    chunk = ChunkAccepted.model_validate_json(wide().model_dump_json())
    known = settle_known(chunk, {})
    tagged = tag_rows(ChunkDeduplicated.model_validate_json(known.model_dump_json()), {}, set())
    tagged = ChunkTagged.model_validate_json(tagged.model_dump_json())
    assert (tagged.live.more, tagged.live.more_cells, tagged.list_id) == (chunk.live.more, CELLS, LIST)
    ids = chat_ids(tagged)
    created = created_chunk(tagged, ids, {ids[0]: 1}, {})
    assert created.list_id == LIST
    assert [row.cells[5:] for row in created.settled] == [["", "2,5", ""], [" c", "", ""]]
    assert "more" not in created.model_dump_json()


def test_rows_that_are_settled_take_their_cells_along() -> None:
    chunk = wide()
    live, (first,) = settle(chunk, {0: Verdict(outcome=Outcome.EXISTING, reason="lead_exists")})
    assert first.cells == [*chunk.live.original_cells(0)[:5], "a", "1", "true"]
    assert [column.values for column in live.more or ()] == [[None, "c"], [2.5, None], [None, None]]
    assert live.more_cells == CELLS[1:]


def test_columns_of_another_length_are_refused() -> None:
    plain = wide().live.model_dump()
    changes: list[dict[str, Any]] = [{"more": [{"field": "notes", "values": ["a"]}]}, {"more_cells": [[]]}]
    for change in changes:
        with pytest.raises(ValueError, match="differ in length"):
            LiveRows.model_validate(plain | change)


@pytest.mark.parametrize(
    "topic", [CHUNK_ACCEPTED, CHUNK_DEDUPLICATED, CHUNK_TAGGED, CHUNK_CREATED], ids=lambda t: t.name
)
def test_a_message_without_them_is_what_it_was(topic: Topic[Any]) -> None:
    """Byte for byte: the fields are those of the version's beginning, in their order."""
    chunk = accepted(phones(3))
    stages: dict[Any, Any] = {ChunkAccepted: chunk, ChunkDeduplicated: settle_known(chunk, {})}
    stages[ChunkTagged] = tag_rows(stages[ChunkDeduplicated], {}, set())
    ids = chat_ids(stages[ChunkTagged])
    event = stages.get(topic.event) or created_chunk(stages[ChunkTagged], ids, dict.fromkeys(ids, 1), {})
    said = event.model_dump()
    assert list(said) == [*(name for name in envelope(chunk) if name != "list_id"), "live", "settled"]
    assert set(said["live"]) & {"more", "more_cells"} == set()
    for word in (b'"more', b"list_id"):
        assert word not in event.model_dump_json().encode()


def test_a_creator_writes_texts_and_the_companys_own_fields_as_one_json() -> None:
    columns = further_columns(wide().live, [2, 0])
    assert columns == {
        **{name: [] for name in ("first_name", "last_name", "company_name", "job_title", "linkedin_url")},
        "notes": ["c", "a"],
        "custom_fields": [None, '{"age":1,"vip":true}'],
    }


def test_what_an_older_stage_has_not_passed_on_comes_from_what_was_accepted() -> None:
    """It passes on what it knows: another order, fewer rows; and a row may have been erased from what was accepted."""
    whole = wide()
    known = tag_rows(settle_known(whole, {}), {}, set())
    bare = known.live.take([2, 0]).model_copy(update={"more": None, "more_cells": None})
    old = known.model_copy(update={"live": bare, "list_id": None})
    found = with_more_of(old, whole)
    assert [column.values for column in found.live.more or ()] == [["c", "a"], [None, 1], [None, True]]
    assert (found.live.more_cells, found.list_id) == ([[" c", "", ""], []], LIST)
    erased = whole.model_copy(update={"live": whole.live.take([1, 2])})
    assert next(column.values for column in with_more_of(old, erased).live.more or ()) == ["c", None]
