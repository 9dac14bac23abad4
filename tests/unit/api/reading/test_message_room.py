"""A preview makes no messages, and is refused for their size where the import would be."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits
from services.api.reading.domain.file_to_chunks import file_to_chunks
from services.api.reading.domain.job import ReadingJob, ReadingResult
from services.api.reading.domain.previewed_chunk import of_payload
from services.api.reading.domain.spool import read_spool
from tests.support.imports import CHUNK_ROWS
from tests.unit.api.reading.runs import ENVELOPE, HEAD
from tests.unit.spreadsheets.records import A_FILE_EACH

PLENTY = 1 << 20
# U+FB2C becomes three characters in NFC; the others are escaped in JSON, or have four bytes.
TEXTS = st.text(st.sampled_from('aé"\\\x01\x85\U0001f600\ufb2c '), max_size=60)
ROWS = st.lists(
    st.tuples(
        st.one_of(st.just("Ana"), TEXTS),
        st.sampled_from(["11912345678", "(11) 91234-5679", "+351 912 345 678", "1", ""]),
        st.sampled_from(["", "12345678909", "x"]),
        st.one_of(st.sampled_from(["", "a@example.com", "é@exámple.com"]), TEXTS),
        st.one_of(st.just("a;b;c;d;e".replace(";", "','")), TEXTS),
        TEXTS,
    ),
    min_size=1,
    max_size=40,
)


def read(folder: Path, text: str, *, preview: bool, max_bytes: int = PLENTY, **options: Any) -> ReadingResult:
    (folder / "upload").write_text(text)
    given: dict[str, Any] = {"chunk_rows": CHUNK_ROWS, "on_invalid_row": "skip"} | options
    if preview:
        given["preview_path"] = str(folder / "preview")
    limits = Limits(max_bytes=max_bytes)
    return file_to_chunks(ReadingJob(str(folder / "upload"), str(folder / "spool"), ENVELOPE, limits, **given))


def quoted(cells: tuple[str, ...]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)


@A_FILE_EACH
@given(rows=ROWS, chunk_rows=st.sampled_from([1, 7, CHUNK_ROWS]), mapped=st.booleans())
def test_a_preview_is_refused_for_its_size_where_the_import_is(
    tmp_path: Path, rows: list[tuple[str, ...]], chunk_rows: int, mapped: bool
) -> None:
    """At the very byte: a bound that said less than the messages have would let the preview pass."""
    header = "name,phone,cpf,email,tags,notes" if mapped else HEAD.strip()
    text = "\n".join([header, *(quoted(row if mapped else row[:5]) for row in rows), ""])
    how: dict[str, Any] = {"chunk_rows": chunk_rows}
    if mapped:
        how["file"] = FileOptions(columns="mapped", mapping={"notes": "notes"})
    whole = read(tmp_path, text, preview=False, **how)
    if whole.refusal:
        assert (whole.refusal.code, "".join(map("".join, rows)).strip("\x01\x85 ")) == ("file_no_rows", "")
        return
    size = sum(len(payload) for _, _, payload in read_spool(tmp_path / "spool"))
    assert read(tmp_path, text, preview=True, max_bytes=size, **how).refusal is None
    for preview in (False, True):
        refused = read(tmp_path, text, preview=preview, max_bytes=size - 1, **how).refusal
        assert refused is not None
        assert refused.code == "file_too_large"


def test_a_usual_preview_makes_no_message(tmp_path: Path) -> None:
    text = HEAD + "".join(f"José {at},119{at:08},,,VIP\n" for at in range(300))
    result = read(tmp_path, text, preview=True, chunk_rows=100)
    assert (result.refusal, result.total_rows, result.chunk_count) == (None, 300, 0)
    (kept,) = (of_payload(payload) for _, _, payload in read_spool(tmp_path / "spool"))
    assert kept.live.phone == [f"119{at:08}" for at in range(300)]
    assert kept.tags == {"VIP": list(range(300))}


@pytest.mark.parametrize("letter", ["a", "é", '"', "\\", "\x01", "\U0001f600", "\ufb2c"])
def test_long_cells_of_any_letters_have_no_more_bytes_than_the_bound_says(tmp_path: Path, letter: str) -> None:
    """Each cell becomes another value, so that a message holds both."""
    row = (f"x\n{letter * 80}", "(11) 91234-{:04}", "", "", f"x\n{letter * 60}", f"x \n{letter * 900}\nx")
    text = "\n".join(["name,phone,cpf,email,tags,notes", *(quoted(row).format(at) for at in range(300)), ""])
    how: dict[str, Any] = {"file": FileOptions(columns="mapped", mapping={"notes": "notes"})}
    assert read(tmp_path, text, preview=False, max_bytes=PLENTY * 64, **how).refusal is None
    size = sum(len(payload) for _, _, payload in read_spool(tmp_path / "spool"))
    assert size > 300 * 900
    refused = read(tmp_path, text, preview=True, max_bytes=size - 1, **how).refusal
    assert refused is not None
    assert refused.code == "file_too_large"
