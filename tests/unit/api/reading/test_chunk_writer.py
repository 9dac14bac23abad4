"""Rows become chunks of a size that every stage can pass on, in order of their phones."""

import csv
import tracemalloc
from pathlib import Path

import pytest

from libs.contracts.lead_import.internal.carried_cells import CELL_LIMIT
from libs.contracts.lead_import.internal.messages import (
    MAX_CHUNK_BYTES,
    ChunkAccepted,
    ChunkDeduplicated,
    ChunkTagged,
    Outcome,
    TaggedRows,
)
from libs.spreadsheets.limits import Limits
from services.api.reading.domain.file_to_chunks import file_to_chunks
from services.api.reading.domain.job import ReadingJob
from tests.unit.api.reading.runs import ENVELOPE, HEAD, Run, rows, run_on


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (2_000, [2_000]), (2_001, [2_000, 1]), (5_000, [2_000, 2_000, 1_000])]
)
def test_a_chunk_is_closed_by_rows(run: Run, count: int, sizes: list[int]) -> None:
    result, chunks = run(HEAD + rows(count))
    assert [chunk.row_count for chunk in chunks] == sizes
    assert [row for chunk in chunks for row in chunk.live.row] == list(range(2, count + 2))
    assert result.chunk_count == len(sizes)


def test_rows_are_put_in_order_of_their_phones_for_so_many_chunks(run: Run) -> None:
    """What is close in the indexes of the databases is looked up and inserted together."""
    numbers = [f"11{900_000_000 + at * 7_919 % 99_991:09}" for at in range(60)]
    foreign = "Eva,+1 305 345-0147,,,\n"
    _, chunks = run(HEAD + foreign + "".join(f"Lead,{number},,,\n" for number in numbers), chunk_rows=2)
    phones = [phone for chunk in chunks for phone in chunk.live.phone]
    assert phones[:50] == [*sorted(numbers[:49]), "3053450147"]
    assert phones[50:] == sorted(numbers[49:])
    of_row = {row: phone for chunk in chunks for row, phone in zip(chunk.live.row, chunk.live.phone, strict=True)}
    assert of_row == {2: "3053450147"} | {3 + at: number for at, number in enumerate(numbers)}


def test_a_chunk_has_as_many_rows_as_fit_by_the_bytes_of_those_before(tmp_path: Path) -> None:
    """Not half as many, as when a chunk that is too large is divided: a message costs as much as hundreds of rows."""
    names = ["x" * 250] * 8_000 + ["x"] * 8_000
    lines = "".join(f"{name} {at},11{900_000_000 + at},,,\n" for at, name in enumerate(names))
    (tmp_path / "upload").write_text(HEAD + lines)
    _, chunks = run_on(tmp_path / "upload", tmp_path / "spool", limits=Limits(max_rows=16_000))
    sizes = [chunk.row_count for chunk in chunks]
    largest = [max(map(len, settled_forms(chunk))) for chunk in chunks]
    assert max(largest) < MAX_CHUNK_BYTES
    assert all(size > 0.8 * MAX_CHUNK_BYTES for size in largest[2:5]), (
        "the first two are the halves of what was too large"
    )
    assert 2_000 in sizes, "short rows after long ones fill a chunk again"


def test_rows_of_very_long_cells_are_not_held_all_at_once(run: Run) -> None:
    """2,000 rows of cells as long as they may be are 330 million characters."""
    long = f"Ana{' ' * 32_000},11912345678,,,\n"
    _, chunks = run(HEAD + long * 300, on_invalid_row="skip")
    assert [chunk.row_count for chunk in chunks] == [250, 50]


WIDE = ["x", "🔥", "é\x01", '"\\']


@pytest.mark.parametrize("wide", WIDE, ids=["ascii", "four bytes", "escaped controls", "escaped quotes"])
@pytest.mark.parametrize("padding", ["", " ", "\u200b"], ids=["invalid", "padded", "padded with three bytes"])
def test_no_stage_makes_a_message_too_large(tmp_path: Path, wide: str, padding: str) -> None:
    """Rows of five long cells: settled as they are read, and live with all the tags they may have.

    Padding makes valid cells as wide as those that messages carry: it is trimmed, but the original cells keep it.
    """
    with (tmp_path / "upload").open("w", newline="", encoding="utf-8") as upload:
        writer = csv.writer(upload)
        writer.writerow(["name", "phone", "cpf", "email", "tags"])
        for at in range(160):
            valid = [
                f"N{wide * 127}",
                f"11{900_000_000 + at}",
                "52998224725",
                f"{'x' * 240}@a.com.br",
                "T" + wide * 127,
            ]
            writer.writerow(
                [cell.ljust(CELL_LIMIT, padding) for cell in valid] if padding else ["N" + wide * 1_500] * 5
            )
    result, chunks = run_on(tmp_path / "upload", tmp_path / "spool", on_invalid_row="skip", chunk_rows=5_000)
    assert (result.total_rows, result.invalid) == (160, 0 if padding else 160)
    largest = [max(map(len, forms)) for forms in map(settled_forms, chunks)]
    assert max(largest) < MAX_CHUNK_BYTES
    assert max(largest) > MAX_CHUNK_BYTES / 4, "chunks are not closed much too early"


def settled_forms(chunk: ChunkAccepted) -> list[bytes]:
    """Return the chunk's message as accepted, as tagged with all ids that rows may have, and with every row settled."""
    plain = chunk.model_dump()
    tag_ids = [2**31 - 1] * (5 + len(chunk.tag_ids))
    live = chunk.live
    tagged = plain | {
        "tag_ids": tag_ids[5:],
        "live": live.model_dump() | {"row_tag_ids": [tag_ids] * len(live)},
    }
    verdicts = [
        {"row": row, "outcome": Outcome.EXISTING, "reason": "r" * 15, "cells": live.original_cells(index)}
        for index, row in enumerate(live.row)
    ]
    ended = plain | {"live": live.take([]).model_dump(), "settled": plain["settled"] + verdicts}
    return [
        chunk.model_dump_json().encode(),
        ChunkTagged(**tagged | {"live": TaggedRows(**tagged["live"])}).model_dump_json().encode(),
        ChunkDeduplicated(**ended).model_dump_json().encode(),
    ]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """From 1.4 MB, where what is put in order and all buffers are full, to 3.5 MB."""
    peaks = []
    for count in (5_000, 12_500):
        (tmp_path / "upload").write_text(HEAD + rows(count).replace("Lead", "Lead" * 62))
        limits = Limits(max_rows=20_000)
        job = ReadingJob(str(tmp_path / "upload"), str(tmp_path / "spool"), ENVELOPE, limits, chunk_rows=200)
        tracemalloc.start()
        assert file_to_chunks(job).total_rows == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_the_chunks_of_a_file_have_no_more_bytes_than_a_file_may_have(tmp_path: Path) -> None:
    """A workbook says a long cell once and names it in every row: of little on the disk would become much."""
    path = tmp_path / "upload"
    path.write_text(HEAD + "a,b,c,d,e\n" * 300)
    limits = Limits(max_rows=1_000, max_bytes=10_000)
    result, _ = run_on(path, tmp_path / "spool", limits=limits, on_invalid_row="skip", chunk_rows=50)
    assert result.refusal
    assert (result.refusal.code, result.refusal.detail) == ("file_too_large", "Its rows have more than 10000 bytes.")
    assert (tmp_path / "spool").stat().st_size <= 10_000
