"""dedup settles exactly the rows whose phone is known in one of its forms, and says who has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.lead_import.internal.messages import ChunkDeduplicated, Outcome, Verdict
from libs.imports.known_phones import KnownPhones
from services.dedup.domain import settle_known
from tests.support.chunks import accepted, phones, settled_row


def verdicts(chunk: ChunkDeduplicated) -> dict[int, Verdict]:
    return {row.row: Verdict(outcome=row.outcome, reason=row.reason) for row in chunk.settled}


@pytest.mark.parametrize("reason", ["lead_exists", "patient_exists", "chat_exists"])
def test_a_phone_that_is_known_settles_its_row_as_existing(reason: str) -> None:
    chunk = accepted(["11981234567", "21987654321"])
    done = settle_known(chunk, {("BR", "11981234567"): reason})
    assert verdicts(done) == {2: Verdict(outcome=Outcome.EXISTING, reason=reason)}
    assert done.live.row == [3]
    assert done.settled[0].cells == chunk.live.original_cells(0)


def test_the_same_number_of_another_country_is_another_phone() -> None:
    done = settle_known(accepted(["11981234567"]), {("PT", "11981234567"): "lead_exists"})
    assert (len(done.live), done.settled) == (1, [])


def test_what_the_api_had_settled_stays_first_and_as_it_was() -> None:
    chunk = accepted(phones(2), settled=[settled_row(50), settled_row(51)])
    done = settle_known(chunk, {("BR", phones(2)[1]): "lead_exists"})
    assert done.settled[:2] == chunk.settled
    assert [row.row for row in done.settled] == [50, 51, 3]


def test_a_chunk_without_live_rows_is_passed_on() -> None:
    chunk = accepted([], settled=[settled_row(2)])
    assert settle_known(chunk, {}).settled == chunk.settled


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_rows_are_settled_if_and_only_if_their_phone_is_known(in_file: set[int], held: set[int]) -> None:
    every = phones(10)
    chunk = accepted([every[index] for index in sorted(in_file)])
    known: KnownPhones = {("BR", every[index]): "lead_exists" for index in held}
    done = settle_known(chunk, known)
    assert set(done.live.phone) == {every[index] for index in in_file - held}
    assert {row.cells[0] for row in done.settled} == {f"Lead {every[index]}" for index in in_file & held}
    assert settle_known(chunk, known) == done  # a second run publishes the same
