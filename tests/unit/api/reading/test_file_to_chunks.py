"""A file becomes chunks in which every row is accounted for, or a refusal that says why."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.web.refusals import Refused
from libs.contracts.lead_import.internal.messages import (
    MAX_CHUNK_BYTES,
    ChunkAccepted,
    LiveRows,
    Outcome,
    SettledRow,
)
from libs.fields.phones import Phone
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.limits import Limits
from services.api.reading.domain.file_to_chunks import LISTED_ERRORS
from services.api.reading.domain.job import ReadingResult
from services.api.reading.domain.seen_phones import SeenPhones
from services.api.reasons import ROW_ERRORS, SETTLED_REASONS
from tests.unit.api.reading.runs import ENVELOPE, HEAD, Run, rows, run_on
from tests.unit.spreadsheets.records import A_FILE_EACH

ROOT = Path(__file__).resolve().parents[4]
FIXTURES = ROOT / "tests" / "fixtures" / "files"
EXAMPLES = ROOT / "examples"


def refusal(result: ReadingResult) -> Refused:
    assert result.refusal is not None
    return result.refusal


def settled(chunks: list[ChunkAccepted]) -> list[SettledRow]:
    return [row for chunk in chunks for row in chunk.settled]


# Files of real programs: tests/fixtures/files/README.md

EXPECTED: dict[str, Any] = json.loads((FIXTURES / "expected.json").read_bytes())


@pytest.mark.parametrize("name", EXPECTED["files"])
def test_files_of_other_programs_are_stored_exactly(tmp_path: Path, name: str) -> None:
    result, chunks = run_on(FIXTURES / name, tmp_path / "spool")
    assert result.refusal is None
    live = chunks[0].live.model_dump()
    found = {
        str(row): {column: live[column][at] for column in EXPECTED["leads"]["jose"]}
        for at, row in enumerate(live["row"])
    }
    assert found == {row: EXPECTED["leads"][lead] for row, lead in EXPECTED["files"][name].items()}


@pytest.mark.parametrize("name", ["leads.csv", "leads.xlsx", "leads-windows-1252.csv"])
def test_the_examples_come_to_what_they_promise(tmp_path: Path, name: str) -> None:
    expected = json.loads((EXAMPLES / "expected.json").read_bytes())[name]
    result, chunks = run_on(EXAMPLES / name, tmp_path / "spool")
    assert (result.total_rows, result.invalid) == (expected["total_rows"], 0)
    in_file = expected.get("existing_rows", {"in_file": []})["in_file"]
    assert [(row.row, row.reason) for row in settled(chunks)] == [(row, "in_file") for row in in_file]
    assert result.existing == len(in_file)


def test_the_invalid_example_is_refused_for_what_it_says(tmp_path: Path) -> None:
    expected = json.loads((EXAMPLES / "expected.json").read_bytes())["leads-invalid.csv"]
    result, _ = run_on(EXAMPLES / "leads-invalid.csv", tmp_path / "spool")
    refused = refusal(result)
    assert (refused.code, refused.total_errors) == ("invalid_rows", expected["total_errors"])
    assert [{"row": e.row, "column": e.column, "code": e.code} for e in refused.errors] == expected["errors"]
    assert all(error.message == ROW_ERRORS[error.code] for error in refused.errors)


# Chunks


def test_a_payload_is_what_the_event_would_write(run: Run) -> None:
    content = HEAD + 'Ana,(11) 91234-5678,529.982.247-25,ANA@Padaria.com.br,"VIP, Zona Sul"\nBia,2132345678\n'
    result, chunks = run(content)
    assert chunks == [
        ChunkAccepted(
            **ENVELOPE,
            chunk_index=0,
            row_count=2,
            live=LiveRows(
                row=[2, 3],
                name=["Ana", "Bia"],
                dial_code=["55", "55"],
                country_code=["BR", "BR"],
                phone=["11912345678", "2132345678"],
                cpf=["52998224725", None],
                email=["ANA@padaria.com.br", None],
                tags=[["VIP", "Zona Sul"], []],
                cells=[["(11) 91234-5678", "529.982.247-25", "VIP, Zona Sul", "ANA@Padaria.com.br"], []],
            ),
            settled=[],
        )
    ]
    assert result == ReadingResult(
        total_rows=2, chunk_count=1, headers=["name", "phone", "cpf", "email", "tags"], separator=",", refusal=None
    )


def test_original_cells_are_cut_and_lose_what_no_store_takes(run: Run) -> None:
    _, chunks = run(HEAD + f"An\x00a,not a phone,{'9' * 16_500},,\n", on_invalid_row="skip")
    assert chunks[0].settled[0].cells == ["Ana", "not a phone", "9" * 16_000 + " [... +500]", "", ""]


def test_a_row_with_very_many_cells_fits_into_a_message(run: Run) -> None:
    _, chunks = run(HEAD + ",".join(["a" + "\x01" * 2_000] * 150) + "\n", on_invalid_row="skip")
    assert chunks[0].settled[0].reason == "cells_too_many"
    assert len(chunks[0].model_dump_json()) < MAX_CHUNK_BYTES


# Repeats


def test_the_first_valid_row_of_a_phone_wins(run: Run) -> None:
    content = (
        HEAD
        + "Ana,11987654321,not a cpf,,\n"  # row 2 is invalid, so it takes nobody's place
        + "Ana,(11) 98765-4321,,,\n"
        + "Bia,11 8765-4321,,,\n"  # the same without its ninth digit
        + "Caio,+55 11 98765-4321,no cpf either,,\n"
        + "Davi,+5511987654321,,,\n"
        + "Eva,+1 305 345-0147,,,\n"
        + "Fio,13053450147,,,\n"
    )
    result, chunks = run(content, on_invalid_row="skip")
    assert chunks[0].live.row == [3, 7]
    assert [(row.row, row.outcome, row.reason) for row in settled(chunks)] == [
        (2, Outcome.ERROR, "cpf_invalid"),
        (4, Outcome.EXISTING, "in_file"),
        (5, Outcome.ERROR, "cpf_invalid"),
        (6, Outcome.EXISTING, "in_file"),
        (8, Outcome.ERROR, "phone_invalid"),
    ]
    assert (result.existing, result.invalid, result.total_rows) == (2, 3, 7)


def test_repeats_are_found_across_chunks_and_do_not_refuse_a_file(run: Run) -> None:
    result, chunks = run(HEAD + rows(30) + rows(30), chunk_rows=10)
    assert (result.refusal, result.existing) == (None, 30)
    assert [len(chunk.live) for chunk in chunks] == [5] * 6, "each chunk has its share"
    assert {(row.reason, row.detail) for row in settled(chunks)} == {("in_file", SETTLED_REASONS["in_file"])}


def phone_of(digits: int) -> Phone:
    return Phone("", "", str(digits))


@settings(max_examples=50)
@given(phones=st.lists(st.integers(1, 40) | st.integers(10**9, 10**15 - 1) | st.just(2**20), max_size=60))
def test_the_table_of_phones_is_a_set(phones: list[int]) -> None:
    table, known = SeenPhones(60), set[int]()
    for phone in phones:
        assert table.repeats([phone_of(phone)]) == [phone in known]
        known.add(phone)


def test_the_table_of_phones_holds_as_many_as_the_file_may_have_rows() -> None:
    table = SeenPhones(1_000)
    many = [phone_of(5_511_900_000_000 + at) for at in range(1_000)]
    assert table.repeats(many) == [False] * 1_000
    assert table.repeats(many) == [True] * 1_000


# Invalid rows


BAD = "Ana,11912345678,111.111.111-11,bad,\nBia,,,,\n,11912345678,,,\nCaio,11912345679,,,\n"


def test_one_invalid_row_refuses_the_file_and_all_are_listed(run: Run) -> None:
    result, _ = run(HEAD + BAD)
    refused = refusal(result)
    assert [(error.row, error.column, error.code) for error in refused.errors] == [
        (2, "cpf", "cpf_invalid"),
        (2, "email", "email_invalid"),
        (3, "phone", "phone_missing"),
        (4, "name", "name_missing"),
    ]
    assert (refused.code, refused.total_errors) == ("invalid_rows", 4)
    assert (refused.detail, refused.facts) == ("3 of 4 rows are not valid.", {"invalid_rows": 3, "total_rows": 4})


def test_the_first_hundred_errors_are_listed_and_all_are_counted(run: Run) -> None:
    refused = refusal(run(HEAD + ",x,,,\n" * 150)[0])
    assert (len(refused.errors), refused.total_errors) == (LISTED_ERRORS, 300)


def test_skipped_rows_are_settled_with_their_cells_and_every_fault(run: Run) -> None:
    result, chunks = run(HEAD + BAD, on_invalid_row="skip")
    assert (result.refusal, result.invalid, result.total_rows) == (None, 3, 4)
    assert settled(chunks)[0] == SettledRow(
        row=2,
        outcome=Outcome.ERROR,
        reason="cpf_invalid",
        detail=f"cpf: {ROW_ERRORS['cpf_invalid']} email: {ROW_ERRORS['email_invalid']}",
        cells=["Ana", "11912345678", "111.111.111-11", "bad", ""],
    )
    assert chunks[0].live.row == [5]


def test_a_file_without_a_valid_row_is_accepted_when_invalid_ones_are_skipped(run: Run) -> None:
    result, chunks = run(HEAD + ",x\n" * 3, on_invalid_row="skip")
    assert (result.refusal, result.invalid, len(chunks[0].live)) == (None, 3, 0)


def test_nothing_personal_is_said_of_an_invalid_row(run: Run) -> None:
    content = HEAD + "Segredo,11 segredo,segredo,segredo@,\n"
    assert "segredo" not in run(content)[0].to_plain().__repr__().lower()
    _, chunks = run(content, on_invalid_row="skip")
    assert "segredo" not in settled(chunks)[0].detail.lower()


# Limits


def test_a_header_alone_is_refused(run: Run) -> None:
    assert refusal(run(HEAD)[0]).code == "file_no_rows"
    assert refusal(run(HEAD + "\n,,,,\n", on_invalid_row="skip")[0]).code == "file_no_rows"


def test_one_row_too_many_is_refused_at_once(run: Run) -> None:
    """What stands below is not read: the quotation mark there would be another refusal."""
    limits = Limits(max_rows=10)
    assert run(HEAD + rows(10), limits=limits)[0].total_rows == 10
    refused = refusal(run(HEAD + rows(11) + '"' + rows(5), limits=limits)[0])
    assert (refused.code, "10 rows" in refused.detail) == ("file_too_many_rows", True)


def test_blank_records_are_not_rows(run: Run) -> None:
    assert run(HEAD + "\n,,\n" * 20 + rows(10), limits=Limits(max_rows=10))[0].total_rows == 10


@settings(A_FILE_EACH, max_examples=40)
@given(
    table=st.lists(
        st.lists(st.text(max_size=8) | st.sampled_from(["11912345678", "1132345678", "Ana", ""]), max_size=7),
        max_size=30,
    ),
    chunk_rows=st.integers(1, 7),
    mode=st.sampled_from(["skip", "reject"]),
)
def test_every_row_is_accounted_for(tmp_path: Path, table: list[list[str]], chunk_rows: int, mode: Any) -> None:
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in cells) for cells in table]
    (tmp_path / "upload").write_bytes((HEAD + "\r\n".join(lines)).encode("utf-8", "replace"))
    result, chunks = run_on(tmp_path / "upload", tmp_path / "spool", on_invalid_row=mode, chunk_rows=chunk_rows)
    if result.refusal:
        expected = {"file_no_rows"} if mode == "skip" else {"file_no_rows", "invalid_rows"}
        if any(len(cells) > len(FILE_COLUMNS) and re.search("[\r\n]", "".join(cells)) for cells in table):
            # It could be a row with a quotation mark too few that has swallowed the next.
            expected.add("file_broken")
        assert result.refusal.code in expected
        return
    numbers = sorted([row for chunk in chunks for row in chunk.live.row] + [row.row for row in settled(chunks)])
    assert len(numbers) == result.total_rows == len(set(numbers))
    live = [number for chunk in chunks for number in chunk.live.phone]
    assert len(live) == len(set(live))
