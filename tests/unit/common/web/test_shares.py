"""Places are shared: whoever takes all it can leaves some for others."""

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.web.refusals import Refused
from libs.common.web.shares import Shares


def held(shares: Shares, group: object, stack: ExitStack) -> int:
    """Take all that the group gets; return how many."""
    taken = 0
    while shares.has_one_for(group):
        stack.enter_context(shares.one(group, code="busy"))
        taken += 1
    with pytest.raises(Refused, match="busy"), shares.one(group, code="busy"):
        pass
    return taken


@pytest.mark.parametrize(
    ("count", "shares_of_each"),
    [(1, [1]), (2, [1, 1]), (4, [2, 1, 1]), (8, [4, 2, 1, 1]), (32, [16, 8, 4, 2, 1, 1])],
)
def test_each_group_that_comes_finds_half_of_what_is_left(count: int, shares_of_each: list[int]) -> None:
    shares = Shares(count)
    with ExitStack() as stack:
        assert [held(shares, group, stack) for group in range(len(shares_of_each))] == shares_of_each
    assert held(shares, "another", ExitStack()) == shares_of_each[0], "all were given back"


@given(count=st.integers(1, 40), groups=st.lists(st.integers(0, 5), max_size=100))
def test_never_more_places_than_there_are_and_none_is_lost(count: int, groups: list[int]) -> None:
    shares = Shares(count)
    with ExitStack() as stack:
        taken = 0
        for group in groups:
            if shares.has_one_for(group):
                stack.enter_context(shares.one(group, code="busy"))
                taken += 1
        assert taken <= count
    assert shares._free == count
    assert not shares._held, "groups that hold nothing are forgotten"
