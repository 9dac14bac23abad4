"""Every live row gets the request's tags, then its own, each once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.lead_import.internal.messages import LiveRows
from services.tagger.domain import tag_names, tag_rows
from tests.support.chunks import accepted, phones, settled_row
from tests.support.imports import deduplicated

names = st.lists(st.lists(st.sampled_from(["VIP", "vip", "Feira", "Ação"]), unique=True), max_size=6)


def test_tag_names_are_distinct_and_in_order_so_that_two_chunks_lock_alike() -> None:
    chunk = accepted(phones(3), tags=[["VIP", "Feira"], [], ["Ação", "VIP"]])
    assert tag_names(chunk.live) == ["Ação", "Feira", "VIP"]


def test_settled_rows_make_no_tags() -> None:
    row = settled_row(9).model_copy(update={"cells": ["n", "p", "", "", "Só desta linha"]})
    assert tag_names(accepted(phones(1), settled=[row]).live) == []


def test_the_requests_tags_come_first_and_none_twice() -> None:
    chunk = deduplicated(accepted(phones(3), tags=[["A", "B"], [], ["B", "b"]], tag_ids=[31, 2]))
    done = tag_rows(chunk, {"A": 1, "B": 2, "b": 2}, {2, 31})
    assert done.live.row_tag_ids == [[31, 2, 1], [31, 2], [31, 2]]


def test_a_tag_of_the_request_that_is_gone_is_given_to_no_row() -> None:
    chunk = deduplicated(accepted(phones(2), tags=[["A"], []], tag_ids=[31, 2]))
    assert tag_rows(chunk, {"A": 1}, {2}).live.row_tag_ids == [[2, 1], [2]]


def test_rows_and_settled_rows_pass_as_they_are() -> None:
    chunk = deduplicated(accepted(phones(2), settled=[settled_row(9)], tags=[["A"], []]))
    done = tag_rows(chunk, {"A": 1}, set())
    assert {column: getattr(done.live, column) for column in LiveRows.columns()} == chunk.live.model_dump()
    assert done.settled == chunk.settled


def test_a_name_without_an_id_is_an_error_not_a_lost_tag() -> None:
    with pytest.raises(KeyError):
        tag_rows(deduplicated(accepted(phones(1), tags=[["A"]])), {}, set())


@given(names, st.lists(st.integers(1, 5), unique=True, max_size=5))
def test_every_row_has_exactly_the_tags_it_names_and_those_of_the_request(
    tags: list[list[str]], given_ids: list[int]
) -> None:
    ids = {"VIP": 3, "vip": 3, "Feira": 7, "Ação": 8}
    chunk = deduplicated(accepted(phones(len(tags)), tags=tags, tag_ids=given_ids))
    for row_names, row_ids in zip(tags, tag_rows(chunk, ids, set(given_ids)).live.row_tag_ids, strict=True):
        assert set(row_ids) == set(given_ids) | {ids[name] for name in row_names}
        assert len(row_ids) == len(set(row_ids))
