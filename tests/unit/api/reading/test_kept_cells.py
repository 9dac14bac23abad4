"""What is kept of a file's own cells can be stored, whatever the file holds."""

from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.lead_import.internal.carried_cells import CELL_LIMIT
from libs.spreadsheets.columns import LONGEST_HEADER, MOST_TOLD
from libs.spreadsheets.cut_cells import is_cut
from services.api.reading.domain.kept_cells import LONGEST_KEPT, all_kept, kept, kept_headers


@given(cells=st.lists(st.text() | st.just("x" * 1_500) | st.just("\ud800\x00"), min_size=5, max_size=7))
def test_kept_cells_can_be_stored(cells: list[str]) -> None:
    for original, cell in zip(cells, kept(cells), strict=True):
        cell.encode()
        assert "\x00" not in cell
        whole = "".join(char for char in original if char not in _UNSTORABLE)
        assert cell == whole if len(whole) <= CELL_LIMIT else is_cut(cell) and whole.startswith(cell[:CELL_LIMIT])


_UNSTORABLE = frozenset("\x00") | set(map(chr, range(0xD800, 0xE000)))


_cells = st.text(max_size=4) | st.sampled_from(["x" * 990, "x" * 1_001, "\ud800", "\x00", "\udfffa", "a\nb"])


@given(rows=st.lists(st.lists(_cells, min_size=5, max_size=5) | st.just(["a"] * 26), max_size=5))
def test_of_a_block_the_same_is_kept_as_of_each_of_its_rows(rows: list[list[str]]) -> None:
    assert all_kept(rows) == [kept(cells) for cells in rows]


def test_of_a_row_that_is_too_long_for_a_message_each_cell_is_cut() -> None:
    assert kept(["x" * 16_000] * 5, longest=LONGEST_KEPT) == ["x" * 16_000] * 5
    short = kept([*["x" * 16_000] * 5, "y"], longest=LONGEST_KEPT)
    assert short == [*["x" * CELL_LIMIT + " [... +15000]"] * 5, "y"]


def test_of_cells_that_are_too_many_the_mark_says_how_many_there_were() -> None:
    assert kept(list("abcdefg"), most=5) == ["a", "b", "c", "d", "e", "[... +2]"]


@given(cells=st.lists(st.text(max_size=3) | st.just("x" * 300) | st.just("\ud800\x00"), max_size=120))
def test_kept_headers_can_be_stored(cells: list[str]) -> None:
    headers = kept_headers(cells)
    assert len(headers) == min(len(cells), MOST_TOLD)
    for original, header in zip(cells, headers, strict=False):
        header.encode()
        assert "\x00" not in header
        assert len(header) <= LONGEST_HEADER
        assert original.replace("\x00", "").startswith(header) or "\ud800" in original
