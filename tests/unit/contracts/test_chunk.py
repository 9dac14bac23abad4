"""A chunk accounts for every row at every stage; no sequence of settlements loses or doubles one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.contracts.lead_import.internal.messages import (
    Chunk,
    ChunkAccepted,
    ChunkCreated,
    ChunkDeduplicated,
    ChunkTagged,
    LiveRows,
    Outcome,
    Rows,
    SettledRow,
    Verdict,
    envelope,
    settle,
)
from tests.support.chunks import accepted, phones, plain, settled_row
from tests.support.imports import live_rows

EXISTING = Verdict(outcome=Outcome.EXISTING, reason="lead_exists")
STAGES = [ChunkAccepted, ChunkDeduplicated, ChunkTagged, ChunkCreated]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
@pytest.mark.parametrize("row_count", [0, 2, 4])
def test_a_message_that_does_not_account_for_every_row_is_refused(stage: type[Chunk[Any]], row_count: int) -> None:
    message = plain(stage, live=2, settled=1)
    stage.model_validate(message)
    with pytest.raises(ValidationError, match="do not add up"):
        stage.model_validate(message | {"row_count": row_count})


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_live_columns_of_different_lengths_are_refused(stage: type[Chunk[Any]]) -> None:
    message = plain(stage, live=2)
    for column in message["live"]:
        short = message["live"] | {column: message["live"][column][:1]}
        with pytest.raises(ValidationError, match="columns differ in length"):
            stage.model_validate(message | {"live": short})


@pytest.mark.parametrize(
    "change",
    [
        {"import_id": 0},
        {"import_id": 2**31},
        {"company_id": -1},
        {"account_id": 2**31},
        {"source_id": 0},
        {"creator_id": None},
        {"chunk_index": -1},
        {"chunk_index": 2**31},
        {"accepted_at": "yesterday"},
        {"settled": [{"row": 4, "outcome": "created", "reason": "x", "cells": []}]},
        {"live": None},
    ],
    ids=lambda change: ",".join(f"{name}={value}" for name, value in change.items())[:40],
)
def test_a_field_that_no_column_can_hold_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ChunkAccepted.model_validate(plain(ChunkAccepted, live=1, settled=0) | change)


def test_a_reader_ignores_fields_that_a_later_version_adds() -> None:
    message = plain(ChunkAccepted, live=1, settled=1) | {"added_later": 1}
    message["live"]["added_later"] = ["x"]
    message["settled"][0]["added_later"] = {"deep": True}
    assert "added_later" not in ChunkAccepted.model_validate(message).model_dump_json()


def test_settled_rows_leave_the_live_ones_with_their_number_verdict_and_cells() -> None:
    chunk = accepted(phones(4), settled=[settled_row(9)])
    live, settled = settle(chunk, {2: EXISTING, 0: Verdict(outcome=Outcome.ERROR, reason="not_on_whatsapp")})
    assert live == live_rows(phones(4)).take([1, 3])
    assert settled == [
        settled_row(9),
        SettledRow(row=2, outcome=Outcome.ERROR, reason="not_on_whatsapp", cells=chunk.live.original_cells(0)),
        SettledRow(row=4, outcome=Outcome.EXISTING, reason="lead_exists", cells=chunk.live.original_cells(2)),
    ]


def test_settling_nothing_changes_nothing() -> None:
    chunk = accepted(phones(2), settled=[settled_row(9)])
    assert settle(chunk, {}) == (chunk.live, chunk.settled)


def test_settling_leaves_the_chunk_that_it_was_given_as_it_was() -> None:
    chunk = accepted(phones(3))
    before = chunk.model_dump_json()
    settle(chunk, {0: EXISTING})
    assert chunk.model_dump_json() == before


def test_take_picks_rows_of_every_column_in_the_order_asked_for() -> None:
    rows = LiveRows.model_validate(plain(ChunkAccepted, live=3)["live"])
    picked = rows.take([2, 0])
    assert type(picked) is LiveRows
    for column in LiveRows.columns():
        values = getattr(rows, column)
        assert getattr(picked, column) == [values[2], values[0]]


def test_the_columns_of_live_rows_are_all_its_fields() -> None:
    assert Rows.columns() == ["row"]
    assert set(LiveRows.columns()) == set(LiveRows.model_fields) - {"more", "more_cells"}


def test_the_envelope_is_everything_but_the_rows() -> None:
    chunk = accepted(phones(2), settled=[settled_row(9)])
    fields = envelope(chunk)
    assert set(fields) == set(Chunk.model_fields) - {"live", "settled"}
    rebuilt = ChunkDeduplicated(**fields, live=chunk.live, settled=chunk.settled)
    assert json.loads(rebuilt.model_dump_json()) == json.loads(chunk.model_dump_json())


def original_cells_of(chunk: ChunkAccepted) -> dict[int, list[str]]:
    live = {row: chunk.live.original_cells(index) for index, row in enumerate(chunk.live.row)}
    return live | {row.row: row.cells for row in chunk.settled}


@given(st.data())
def test_no_sequence_of_settlements_loses_or_doubles_a_row(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 12))
    chunk = accepted(phones(count), settled=[settled_row(100 + n) for n in range(data.draw(st.integers(0, 3)))])
    cells = original_cells_of(chunk)
    for _ in range(data.draw(st.integers(0, 5))):
        chosen = data.draw(st.sets(st.integers(0, len(chunk.live) - 1))) if len(chunk.live) else set()
        verdict = st.sampled_from(Outcome).map(lambda outcome: Verdict(outcome=outcome, reason="r"))
        verdicts = {index: data.draw(verdict) for index in chosen}
        live, settled = settle(chunk, verdicts)
        chunk = ChunkAccepted(**envelope(chunk), live=live, settled=settled)  # refuses what does not add up
        chunk = ChunkAccepted.model_validate_json(chunk.model_dump_json())
    seen = chunk.live.row + [row.row for row in chunk.settled]
    assert sorted(seen) == sorted(cells)
    assert original_cells_of(chunk) == cells
