"""What is kept of a file's own cells can be stored, whatever the file holds."""

from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.lead_import.internal.messages import CELL_LIMIT
from libs.spreadsheets.columns import LONGEST_HEADER, MOST_TOLD
from services.api.reading.domain.kept_cells import kept, kept_headers


@given(cells=st.lists(st.text() | st.just("x" * 1_500) | st.just("\ud800\x00"), min_size=5, max_size=7))
def test_kept_cells_can_be_stored(cells: list[str]) -> None:
    for original, cell in zip(cells, kept(cells), strict=True):
        cell.encode()
        assert "\x00" not in cell
        assert len(cell) <= CELL_LIMIT
        assert original[:CELL_LIMIT].replace("\x00", "").startswith(cell) or "\ud800" in original


@given(cells=st.lists(st.text(max_size=3) | st.just("x" * 300) | st.just("\ud800\x00"), max_size=120))
def test_kept_headers_can_be_stored(cells: list[str]) -> None:
    headers = kept_headers(cells)
    assert len(headers) == min(len(cells), MOST_TOLD)
    for original, header in zip(cells, headers, strict=False):
        header.encode()
        assert "\x00" not in header
        assert len(header) <= LONGEST_HEADER
        assert original.replace("\x00", "").startswith(header) or "\ud800" in original
