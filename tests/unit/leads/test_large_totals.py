"""Which lists are long is believed for a moment, of so many lists as anybody may ask for."""

from services.leads.listing.large_totals import MOST, SECONDS, LargeTotals


def test_it_is_believed_for_a_moment() -> None:
    now = 0.0
    totals = LargeTotals(monotonic=lambda: now)
    totals.note("all")
    assert (totals.has("all"), totals.has("others")) == (True, False)
    now = SECONDS
    assert not totals.has("all")


def test_however_many_lists_are_asked_for_so_many_are_known() -> None:
    totals = LargeTotals(monotonic=lambda: 0.0)
    for number in range(MOST):
        totals.note(number)
    totals.note(0)
    totals.note("one more")
    assert (totals.has(0), totals.has(1), totals.has("one more")) == (True, False, True)
