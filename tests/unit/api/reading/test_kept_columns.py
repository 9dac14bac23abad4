"""Columns that become fields of the company's own: their keys, their types, and who keeps what."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.fields.custom_values import OwnField
from libs.spreadsheets.columns import MOST_TOLD
from libs.spreadsheets.file_options import FileOptions
from services.api.reading.domain.file_to_chunks import file_to_chunks
from services.api.reading.domain.job import ReadingJob, ReadingResult
from tests.unit.api.reading.runs import ENVELOPE, run_on

PHONES = [f"1191234567{at}" for at in range(10)]


def run(
    folder: Path, header: str, rows: Sequence[str], *, own: Sequence[OwnField] = (), **options: Any
) -> tuple[ReadingResult, list[ChunkAccepted]]:
    lines = [f"Lead {at};{phone};{row}" for at, (phone, row) in enumerate(zip(PHONES, rows, strict=False))]
    (folder / "upload").write_text("\n".join([f"nome;celular;{header}", *lines]) + "\n")
    mapping = options.pop("mapping", {})
    wanted = {"own_fields": own, "custom_types": {field.key: field.type for field in own}}
    file = FileOptions(columns="mapped", mapping=mapping)
    return run_on(folder / "upload", folder / "spool", **{"file": file} | wanted | options)


def values_of(chunk: ChunkAccepted) -> dict[str, list[Any]]:
    return {column.field: column.values for column in chunk.live.more or ()}


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        (["1.500,50", "", "2"], "number", [1500.5, None, 2]),
        (["28/11/2026", "2026-11-29", ""], "date", ["2026-11-28", "2026-11-29", None]),
        (["sim", "Não", ""], "boolean", [True, False, None]),
        (["1", "0"], "number", [1, 0]),
        (["sim", "1"], "boolean", [True, True]),
        (["12", "doze"], "string", ["12", "doze"]),
        # Digits that are no number: what leads would lose of them nobody could tell afterwards.
        (["01310100", "13010100"], "string", ["01310100", "13010100"]),
        (["13010000", "88010400"], "string", ["13010000", "88010400"]),
        (["11912345678"], "string", ["11912345678"]),
        (["+5"], "string", ["+5"]),
        (["1.234", "2"], "string", ["1.234", "2"]),
        (["31/02/2026"], "string", ["31/02/2026"]),
        (["0,5", "0"], "number", [0.5, 0]),
        (["12500000", "900"], "number", [12500000, 900]),
    ],
)
def test_a_column_is_of_the_type_that_all_its_values_are_of(
    tmp_path: Path, values: list[str], kind: str, stored: list[Any]
) -> None:
    result, (chunk,) = run(tmp_path, "Verba", values)
    assert (result.new_fields, result.left_out) == ([OwnField("verba", "Verba", kind)], [])  # type: ignore[arg-type]
    held = dict(zip((int(phone[-1]) for phone in chunk.live.phone), values_of(chunk)["custom:verba"], strict=True))
    assert [held[at] for at in range(len(values))] == stored


@pytest.mark.parametrize("header", ["CEP", "Cep residencial", "ZIP", "Postal code", "Código", "Código do cliente"])
def test_numbers_in_a_column_whose_header_says_codes_are_texts(tmp_path: Path, header: str) -> None:
    result, (chunk,) = run(tmp_path, header, ["1234", "5678"])
    assert [field.type for field in result.new_fields] == ["string"]
    assert list(values_of(chunk).values()) == [["1234", "5678"]]


@pytest.mark.parametrize(
    ("header", "kind"), [("Recepção", "number"), ("Zipado", "number"), ("Código novo?", "boolean")]
)
def test_other_headers_and_values_are_of_the_type_of_their_values(tmp_path: Path, header: str, kind: str) -> None:
    values = ["1234", "56"] if kind == "number" else ["sim", "não"]
    assert [field.type for field in run(tmp_path, header, values)[0].new_fields] == [kind]


def test_a_code_that_begins_with_a_zero_is_no_number_of_a_field_that_the_company_has(tmp_path: Path) -> None:
    own = [OwnField("cep", "CEP", "number"), OwnField("codigo", "Código", "number")]
    result, _ = run(tmp_path, "CEP;Código", ["01310100;0012"], own=own)
    assert result.refusal is not None
    found = [(each.column, each.code) for each in result.refusal.errors or ()]
    assert found == [("custom:cep", "number_invalid"), ("custom:codigo", "number_invalid")]


def test_a_code_of_groups_that_begins_with_a_zero_keeps_it(tmp_path: Path) -> None:
    result, _ = run(tmp_path, "RG", ["0.123.456", "1.234.567"])
    assert [field.type for field in result.new_fields] == ["string"]


def test_the_last_value_of_a_long_column_counts(tmp_path: Path) -> None:
    lines = [f"Lead {at};119{at:08};{at if at < 1_999 else 'many'}" for at in range(2_000)]
    (tmp_path / "upload").write_text("\n".join(["nome;celular;Filhos", *lines]) + "\n")
    file = FileOptions(columns="mapped")
    result, _ = run_on(tmp_path / "upload", tmp_path / "spool", file=file, own_fields=[])
    assert result.new_fields == [OwnField("filhos", "Filhos", "string")]


def test_a_field_that_the_company_has_keeps_its_type_and_values_are_checked_against_it(tmp_path: Path) -> None:
    own = [OwnField("orcamento", "Verba", "number"), OwnField("city", "Cidade natal", "string")]
    result, _ = run(tmp_path, "verba;City", ["muito;Santos"], own=own)
    assert result.refusal is not None
    assert [(each.column, each.code) for each in result.refusal.errors] == [("custom:orcamento", "number_invalid")]
    result, (chunk,) = run(tmp_path, "VERBA;City", ["12;7"], own=own)
    assert (result.refusal, result.new_fields) == (None, [])
    assert values_of(chunk) == {"custom:orcamento": [12], "custom:city": ["7"]}


def test_what_the_mapping_says_counts_first(tmp_path: Path) -> None:
    mapping = {"Obs": None, "Firma": "company_name", "Verba": "custom:budget"}
    own = [OwnField("budget", "Budget", "number")]
    header = "Obs;Firma;Verba;Budget;Cidade"
    result, (chunk,) = run(tmp_path, header, ["x;Sol;1;2;Santos"], own=own, mapping=mapping)
    assert result.left_out == ["Obs", "Budget"]
    assert values_of(chunk) == {"company_name": ["Sol"], "custom:budget": [1], "custom:cidade": ["Santos"]}


def test_a_leads_further_fields_are_known_by_their_own_names(tmp_path: Path) -> None:
    own = [OwnField("budget", "Verba", "number")]
    result, (chunk,) = run(tmp_path, "companyName;job_title;custom.budget", ["Sol;CTO;5"], own=own)
    assert result.new_fields == []
    assert values_of(chunk) == {"company_name": ["Sol"], "job_title": ["CTO"], "custom:budget": [5]}


def test_columns_without_a_name_or_a_value_or_of_a_name_again_stay_left_out(tmp_path: Path) -> None:
    result, (chunk,) = run(tmp_path, "Cidade;-;Vazia;CIDADE;Erro", ["Santos;x;;Rio;"])
    assert result.left_out == ["-", "Vazia", "CIDADE", "Erro"]
    assert values_of(chunk) == {"custom:cidade": ["Santos"]}


def test_rows_with_a_spreadsheets_error_do_not_tell_the_type(tmp_path: Path) -> None:
    result, (chunk,) = run(tmp_path, "Verba", ["1", "#N/A"], on_invalid_row="skip")
    assert result.new_fields == [OwnField("verba", "Verba", "number")]
    assert [row.reason for row in chunk.settled] == ["cell_error"]


@pytest.mark.parametrize(("present", "refused"), [(49, False), (50, True)])
def test_a_company_has_fifty_fields_at_most(tmp_path: Path, present: int, refused: bool) -> None:
    own = [OwnField(f"f{at}", f"F {at}", "string") for at in range(present)]
    result, _ = run(tmp_path, "Cidade", ["Santos"], own=own)
    assert (result.refusal is not None) == refused
    if result.refusal:
        assert (result.refusal.code, result.refusal.facts) == (
            "fields_too_many",
            {"present": 50, "new": 1, "most": 50},
        )


def test_corrections_of_kept_columns_stand_in_place_of_cells(tmp_path: Path) -> None:
    _, (chunk,) = run(tmp_path, "Verba", ["1"], corrections={"2": {"custom:verba": "12"}})
    assert values_of(chunk) == {"custom:verba": [12]}


def previewed(folder: Path, **options: Any) -> dict[str, tuple[Any, ...]]:
    """Return of which type each column of the upload that ``run`` read is, and whether it makes a field."""
    wanted: dict[str, Any] = {"file": FileOptions(columns="mapped"), "own_fields": [], "chunk_rows": 500} | options
    paths = str(folder / "upload"), str(folder / "spool")
    assert file_to_chunks(ReadingJob(*paths, ENVELOPE, preview_path=str(folder / "preview"), **wanted)).refusal is None
    columns = json.loads((folder / "preview").read_bytes())["columns"]
    return {each["header"]: (each["type"], each["is_new"]) for each in columns if each["field"] not in _THE_TWO}


_THE_TWO = ("name", "phone")


@pytest.mark.parametrize(
    ("cells", "corrections", "kind", "is_made"),
    [
        (["#N/A", ""], {"2": {"custom:nota": "7,5"}}, "number", True),
        (["#N/A", "#N/A"], {"2": {"custom:nota": "7,5"}}, "number", True),
        (["#N/A", "#N/A"], {"2": {"custom:nota": "7,5"}, "3": {"custom:nota": "boa"}}, "string", True),
        (["boa", "7"], {"2": {"custom:nota": "5"}}, "number", True),
        (["7", "5"], {"2": {"custom:nota": "boa"}}, "string", True),
        (["", ""], {"3": {"custom:nota": "sim"}}, "boolean", True),
        (["#N/A", ""], {"2": {"custom:nota": ""}}, "string", False),
        (["7", ""], {"2": {"custom:nota": " "}}, "string", False),
        (["7", ""], {"2": {"custom:nota": "#N/D"}}, "string", False),
        (["#N/A", ""], {}, "string", False),
        (["7", ""], {"2": {"phone": "no phone"}}, "number", False),
        (["7", ""], {"2": {"phone": PHONES[1]}, "3": {"phone": PHONES[1]}}, "number", True),
        (["", "7"], {"2": {"phone": PHONES[1]}}, "number", False),
    ],
)
def test_a_column_makes_a_field_if_a_lead_has_a_value_of_it_as_corrected(
    tmp_path: Path, cells: list[str], corrections: dict[str, dict[str, str]], kind: str, is_made: bool
) -> None:
    """What leads have without a field that tells of it nobody would see; a field that none has a value of is none."""
    options: dict[str, Any] = {"corrections": corrections, "on_invalid_row": "skip"}
    result, (chunk,) = run(tmp_path, "Nota", cells, **options)
    assert result.refusal is None
    assert result.new_fields == ([OwnField("nota", "Nota", kind)] if is_made else [])  # type: ignore[arg-type]
    assert any(value is not None for value in values_of(chunk).get("custom:nota", [])) == is_made
    assert previewed(tmp_path, **options) == {"Nota": (kind, is_made)}


def test_fields_that_corrections_make_count_among_the_fifty_and_those_of_no_lead_do_not(tmp_path: Path) -> None:
    own = [OwnField(f"f{at}", f"F {at}", "string") for at in range(50)]
    corrections = {"2": {"custom:nota": "7"}}
    result, _ = run(tmp_path, "Nota", ["#N/A"], own=own, corrections=corrections)
    assert result.refusal is not None
    assert (result.refusal.code, result.refusal.facts["new"]) == ("fields_too_many", 1)
    corrections = {"2": {"phone": "no phone"}}
    result, _ = run(tmp_path, "Nota", ["7"], own=own, corrections=corrections, on_invalid_row="skip")
    assert (result.refusal, result.new_fields) == (None, [])


@pytest.mark.parametrize("second", ["Celular", "celular:", "CELULAR "])
def test_a_second_column_of_one_title_takes_nothing_from_the_first(tmp_path: Path, second: str) -> None:
    """Systems export two phones under one title, the second one mostly a landline or blank."""
    result, (chunk,) = run(tmp_path, second, ["1133334444", ""])
    assert result.refusal is None
    assert sorted(chunk.live.phone) == ["11912345670", "11912345671"]
    assert set(values_of(chunk).get("custom:celular", [])) <= {"1133334444", None}


def test_a_second_column_of_one_title_stays_left_out(tmp_path: Path) -> None:
    result, _ = run(tmp_path, "celular;Verba;Verba", ["1133334444;1;2"])
    assert (result.left_out, [field.key for field in result.new_fields]) == (["celular", "Verba"], ["verba"])


def test_of_columns_that_blanks_tell_apart_the_one_is_left_out_and_the_other_kept(tmp_path: Path) -> None:
    result, (chunk,) = run(tmp_path, "Verba; Verba", ["1;2"], mapping={"Verba": None})
    assert (result.left_out, values_of(chunk)) == (["Verba"], {"custom:verba": [2]})


def test_columns_whose_titles_signs_tell_apart_are_mapped_and_kept(tmp_path: Path) -> None:
    own = [OwnField("desconto", "Desconto", "number")]
    mapping = {"Verba %": "custom:desconto"}
    for header, row in (("Verba;Verba %", "1000;15"), ("Verba %;Verba", "15;1000")):
        result, (chunk,) = run(tmp_path, header, [row], own=own, mapping=mapping)
        assert values_of(chunk) == {"custom:verba": [1000], "custom:desconto": [15]}
        assert result.left_out == []


@pytest.mark.parametrize("places", [(50, 51), (98, 99), (99, 100), (100, 101), (300, 301)])
def test_only_columns_that_a_preview_tells_of_are_kept(tmp_path: Path, places: tuple[int, int]) -> None:
    """Somebody chooses which columns to keep from those that they are told of."""
    titles = [f"x{at}" for at in range(places[1] - 1)]
    titles[places[0] - 2 :] = ["Verba", "company_name"]
    row = ";".join("" if title.startswith("x") else "7" for title in titles)
    result, (chunk,) = run(tmp_path, ";".join(titles), [row])
    paths = str(tmp_path / "upload"), str(tmp_path / "spool")
    options: dict[str, Any] = {"file": FileOptions(columns="mapped"), "own_fields": [], "chunk_rows": 500}
    file_to_chunks(ReadingJob(*paths, ENVELOPE, preview_path=str(tmp_path / "preview"), **options))
    shown = json.loads((tmp_path / "preview").read_bytes())
    told = {each["header"]: each["field"] for each in shown["columns"]}
    held = {"Verba": "custom:verba", "company_name": "company_name"}
    assert set(values_of(chunk)) == {told[title] for title in held if title in told}
    assert {title: told[title] for title in held if title in told} == {
        title: field for (title, field), place in zip(held.items(), places, strict=True) if place < MOST_TOLD
    }
    assert shown["has_more_columns"] == (places[1] >= MOST_TOLD)
    assert len(result.left_out) == min(len(titles) - len(values_of(chunk)), MOST_TOLD)


def test_files_whose_columns_are_left_out_are_read_once(tmp_path: Path) -> None:
    """What nobody asks for costs nothing: without ``own_fields`` nothing is looked at, and nothing more is sent."""
    (tmp_path / "upload").write_text(f"nome;celular;Cidade\nAna;{PHONES[0]};Santos\n")
    result, (chunk,) = run_on(tmp_path / "upload", tmp_path / "spool", file=FileOptions(columns="mapped"))
    assert (result.left_out, result.new_fields, chunk.live.more) == (["Cidade"], [], None)
