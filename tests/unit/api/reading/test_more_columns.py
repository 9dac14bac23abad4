"""Files with more than the five columns; and that those of the five say what they always said."""

import json
from pathlib import Path
from typing import Any

from libs.contracts.lead_import.internal.messages import MAX_CHUNK_BYTES, ChunkAccepted
from libs.spreadsheets.file_options import FileOptions
from services.api.reading.domain.job import ReadingResult
from services.api.reading.domain.spool import read_spool
from tests.unit.api.reading.runs import HEAD, run_on
from tests.unit.api.reading.test_chunk_writer import settled_forms

PHONE, OTHER = "11912345678", "11912345679"
TYPES = {"budget": "number", "since": "date", "vip": "boolean"}
MAPPING = {
    "Empresa": "company_name",
    "Verba": "custom:budget",
    "Desde": "custom:since",
    "Vip": "custom:vip",
    "Obs": "notes",
}
WIDE = "Empresa;Celular;Nome;Verba;Desde;Vip;Obs;Cidade\n"


def run(folder: Path, text: str, **options: Any) -> tuple[ReadingResult, list[ChunkAccepted]]:
    (folder / "upload").write_text(text)
    wanted: dict[str, Any] = {"file": FileOptions(columns="mapped", mapping=MAPPING), "custom_types": TYPES}
    return run_on(folder / "upload", folder / "spool", **wanted | options)


def values_of(chunk: ChunkAccepted) -> dict[str, Any]:
    return {column.field: column.values for column in chunk.live.more or ()}


def test_values_travel_beside_the_five_columns(tmp_path: Path) -> None:
    text = WIDE + f"Sol;{PHONE};Ana;1.500,50;28/11/2026;sim;;Santos\n;{OTHER};Rui;;;;x;\n"
    result, (chunk,) = run(tmp_path, text)
    assert (result.refusal, result.left_out) == (None, ["Cidade"])
    assert (result.places, result.more) == (
        [2, 1, None, None, None, 0, 3, 4, 5, 6],
        ["company_name", "custom:budget", "custom:since", "custom:vip", "notes"],
    )
    assert chunk.live.name == ["Ana", "Rui"]
    assert values_of(chunk) == {
        "company_name": ["Sol", None],
        "custom:budget": [1500.5, None],
        "custom:since": ["2026-11-28", None],
        "custom:vip": [True, None],
        "notes": [None, "x"],
    }
    assert chunk.live.more_cells == [["Sol", "1.500,50", "28/11/2026", "sim", ""], []]
    assert chunk.live.original_cells(0) == ["Ana", PHONE, "", "", "", "Sol", "1.500,50", "28/11/2026", "sim", ""]
    assert chunk.live.original_cells(1) == ["Rui", OTHER, "", "", "", "", "", "", "", "x"]


def test_values_stay_with_their_rows_when_these_are_put_in_order(tmp_path: Path) -> None:
    numbers = [(at * 7_919) % 1_000 for at in range(1_000)]
    lines = "".join(f"E{at};11{900_000_000 + at};N{at};{at};;;;\n" for at in numbers)
    _, chunks = run(tmp_path, WIDE + lines, chunk_rows=300)
    assert len(chunks) == 4
    for chunk in chunks:
        more = values_of(chunk)
        assert more["custom:budget"] == [int(phone) - 11_900_000_000 for phone in chunk.live.phone]
        assert more["company_name"] == [f"E{at}" for at in more["custom:budget"]]


def test_what_is_wrong_in_a_row_is_said_of_every_cell(tmp_path: Path) -> None:
    text = WIDE + f";12;Ana;x;31/02/2026;#N/A;;\n;{PHONE};Bia;1;;;;\n;{PHONE};Caio;2;;;;\n"
    refused = run(tmp_path, text)[0].refusal
    assert refused is not None
    assert [(each.row, each.column, each.code) for each in refused.errors] == [
        (2, "phone", "phone_invalid"),
        (2, "custom:budget", "number_invalid"),
        (2, "custom:since", "date_invalid"),
        (2, "custom:vip", "cell_error"),
    ]
    result, (chunk,) = run(tmp_path, text, on_invalid_row="skip")
    assert (result.invalid, result.existing) == (1, 1)
    assert [(row.row, row.reason, row.cells) for row in chunk.settled] == [
        (2, "phone_invalid", ["Ana", "12", "", "", "", "", "x", "31/02/2026", "#N/A", ""]),
        (4, "in_file", ["Caio", PHONE, "", "", "", "", "2", "", "", ""]),
    ]
    assert values_of(chunk)["custom:budget"] == [1]


def test_corrections_of_further_fields_stand_in_place_of_cells(tmp_path: Path) -> None:
    text = WIDE + f";{PHONE};Ana;x;;;;\n"
    _, (chunk,) = run(tmp_path, text, corrections={"2": {"custom:budget": "12", "notes": "y"}})
    assert (values_of(chunk)["custom:budget"], values_of(chunk)["notes"]) == ([12], ["y"])


def test_a_row_with_too_many_cells_is_one(tmp_path: Path) -> None:
    text = WIDE + f";{PHONE};Ana;;;;;;z\n;{OTHER};Bia;;;;;\n"
    result, (chunk,) = run(tmp_path, text, on_invalid_row="skip")
    assert (result.invalid, [row.reason for row in chunk.settled]) == (1, ["cells_too_many"])
    assert len(chunk.settled[0].cells) > 10
    assert chunk.live.name == ["Bia"]


def test_the_widest_rows_of_further_columns_fit_into_a_message_however_they_end(tmp_path: Path) -> None:
    fields = [f"custom:f{at}" for at in range(50)]
    header = ";".join(["nome", "celular", *fields])
    lines = "".join(
        f"N{at};11{900_000_000 + at};" + ";".join("1" if at % 2 else "" for _ in fields) + "\n" for at in range(5_000)
    )
    file = FileOptions(columns="mapped", mapping={field: field for field in fields})
    types = {f"f{at}": "number" for at in range(50)}
    _, chunks = run(tmp_path, header + "\n" + lines, file=file, custom_types=types, chunk_rows=5_000)
    assert sum(chunk.row_count for chunk in chunks) == 5_000
    largest = [max(map(len, settled_forms(chunk))) for chunk in chunks]
    assert max(largest) < MAX_CHUNK_BYTES


def test_a_file_of_the_five_columns_is_the_message_that_it_always_was(tmp_path: Path) -> None:
    (tmp_path / "upload").write_text(HEAD + f"Ana,(11) 91234-5678,,a@example.com,vip\nRui,{PHONE},,,\n")
    run_on(tmp_path / "upload", tmp_path / "spool")
    ((_, _, payload),) = read_spool(tmp_path / "spool")
    plain = json.loads(payload)
    assert list(plain) == [
        *("import_id", "company_id", "account_id", "source_id", "creator_id", "tag_ids", "accepted_at"),
        *("chunk_index", "row_count", "live", "settled"),
    ]
    assert list(plain["live"]) == ["row", "name", "dial_code", "country_code", "phone", "cpf", "email", "tags", "cells"]
