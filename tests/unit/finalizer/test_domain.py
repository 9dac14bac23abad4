"""When a chunk's outcome counts, what a dead letter makes of its rows, and how an import ends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.lead_import.events import ImportStatus
from libs.contracts.lead_import.internal.messages import Outcome
from libs.imports.chunk_states import ChunkOutcome, ChunkState, Totals
from services.finalizer.domain import counts, outcome_of, outcome_of_canceled, outcome_of_dead_letter, status_of
from tests.support.chunks import accepted, created_like, phones, settled_row
from tests.support.imports import tagged

UNSETTLED = ChunkState(row_count=5, settled=False, dead_lettered=False, total_created=0)
DEAD = ChunkState(row_count=5, settled=True, dead_lettered=True, total_created=0)


def settled(created: int) -> ChunkState:
    return ChunkState(row_count=5, settled=True, dead_lettered=False, total_created=created)


def outcome(created: int, *, dead_lettered: bool = False) -> ChunkOutcome:
    return ChunkOutcome(created=created, existing=5 - created, errors=0, rows=[], dead_lettered=dead_lettered)


@pytest.mark.parametrize(
    ("state", "new", "changes"),
    [
        (UNSETTLED, outcome(3), True),
        (UNSETTLED, outcome(0), True),
        (UNSETTLED, outcome(0, dead_lettered=True), True),
        (settled(3), outcome(3), False),
        (settled(3), outcome(2), False),
        (settled(3), outcome(4), True),
        (settled(0), outcome(0), False),
        (settled(3), outcome(0, dead_lettered=True), False),
        (settled(0), outcome(0, dead_lettered=True), False),
        (DEAD, outcome(3), True),
        (DEAD, outcome(0), True),
        (DEAD, outcome(0, dead_lettered=True), False),
    ],
    ids=[
        "the first outcome",
        "the first, with nothing created",
        "the first, a dead letter",
        "a repeat",
        "a repeat that is behind",
        "a repeat that knows more leads",
        "a repeat of nothing",
        "a dead letter after success",
        "a dead letter after success with nothing created",
        "a replay",
        "a replay with nothing created",
        "the dead letter again",
    ],
)
def test_an_outcome_counts(state: ChunkState, new: ChunkOutcome, changes: bool) -> None:
    assert counts(state, new) is changes


@given(st.permutations([outcome(0), outcome(2), outcome(4), outcome(0, dead_lettered=True), outcome(4), outcome(2)]))
def test_in_whatever_order_outcomes_come_the_one_with_most_leads_stays(order: list[ChunkOutcome]) -> None:
    state = UNSETTLED
    for each in order:
        if counts(state, each):
            state = ChunkState(5, settled=True, dead_lettered=each.dead_lettered, total_created=each.created)
    assert state == settled(4)


def test_a_created_chunk_is_counted_by_live_and_settled_rows() -> None:
    rows = [settled_row(90), settled_row(91, Outcome.EXISTING, "in_file"), settled_row(92)]
    chunk = created_like(tagged(accepted(phones(2), settled=rows)))
    assert outcome_of(chunk) == ChunkOutcome(created=2, existing=1, errors=2, rows=rows)


def test_a_dead_letter_settles_live_rows_as_errors_and_keeps_what_the_api_had_settled() -> None:
    rows = [settled_row(90), settled_row(91, Outcome.EXISTING, "in_file")]
    chunk = accepted(phones(2), settled=rows)
    dead = outcome_of_dead_letter(chunk.row_count, chunk)
    assert (dead.created, dead.existing, dead.errors, dead.dead_lettered) == (0, 1, 3, True)
    assert list(dead.rows[:2]) == rows
    assert [(row.row, row.outcome, row.reason, row.cells) for row in dead.rows[2:]] == [
        (row, Outcome.ERROR, "chunk_dead_lettered", chunk.live.original_cells(index))
        for index, row in enumerate(chunk.live.row)
    ]


def test_a_dead_letter_whose_chunk_cannot_be_read_still_accounts_for_every_row() -> None:
    assert outcome_of_dead_letter(5, None) == ChunkOutcome(0, 0, 5, [], dead_lettered=True)


@given(st.integers(0, 6), st.lists(st.sampled_from(Outcome), max_size=6))
def test_every_row_of_a_chunk_is_created_existing_or_an_error(live: int, outcomes: list[Outcome]) -> None:
    rows = [settled_row(90 + number, each) for number, each in enumerate(outcomes)]
    chunk = accepted(phones(live), settled=rows)
    for done in (outcome_of(created_like(tagged(chunk))), outcome_of_dead_letter(chunk.row_count, chunk)):
        assert done.created + done.existing + done.errors == chunk.row_count


@pytest.mark.parametrize(
    ("totals", "status"),
    [
        (Totals(created=5, existing=0, errors=0, dead_lettered=0), (ImportStatus.FINISHED, None)),
        (Totals(created=0, existing=0, errors=5, dead_lettered=0), (ImportStatus.FINISHED, None)),
        (Totals(created=4, existing=0, errors=1, dead_lettered=1), (ImportStatus.FAILED, "chunk_dead_lettered")),
    ],
)
def test_an_import_fails_if_and_only_if_one_of_its_chunks_was_dead_lettered(
    totals: Totals, status: tuple[ImportStatus, str | None]
) -> None:
    assert status_of(totals, canceled=False) == status


def test_a_canceled_import_says_so_whatever_was_still_made_of_it() -> None:
    totals = Totals(created=4, existing=0, errors=1, dead_lettered=1)
    assert status_of(totals, canceled=True) == (ImportStatus.FAILED, "canceled")


def test_a_chunk_without_leads_is_canceled_but_what_the_api_had_settled_stays() -> None:
    chunk = accepted(phones(2), settled=[settled_row(8, Outcome.EXISTING, "in_file"), settled_row(9)])
    done = outcome_of_canceled(4, chunk)
    assert (done.created, done.existing, done.errors) == (0, 1, 3)
    assert json.loads(done.reasons) == {"in_file": 1, "phone_invalid": 1, "canceled": 2}
    assert not done.dead_lettered
    assert [(row.row, row.reason) for row in done.rows] == [
        (8, "in_file"),
        (9, "phone_invalid"),
        (2, "canceled"),
        (3, "canceled"),
    ]
    assert done.rows[2].cells == chunk.live.original_cells(0)
