"""Files with columns of their own, and corrections."""

from pathlib import Path
from typing import Any

import pytest

from libs.common.web.refusals import Refused
from libs.spreadsheets.file_options import FileOptions
from services.api.reading.domain.job import ReadingResult
from tests.unit.api.reading.runs import HEAD, run_on

PHONE, OTHER = "11912345678", "11912345679"
WIDE = f"Cidade;Celular;Nome;Obs\nSantos;{PHONE};Ana;x\n;(11) 91234-5679;Rui;\n"


def run(folder: Path, text: str, **options: Any) -> tuple[ReadingResult, list[Any]]:
    (folder / "upload").write_text(text)
    return run_on(folder / "upload", folder / "spool", **{"file": FileOptions(columns="mapped")} | options)


def refusal(folder: Path, text: str, **options: Any) -> Refused:
    refused = run(folder, text, **options)[0].refusal
    assert refused is not None
    return refused


def test_the_five_fields_are_picked_and_the_others_named(tmp_path: Path) -> None:
    result, (chunk,) = run(tmp_path, WIDE)
    assert result.refusal is None
    assert (result.headers, result.places) == (["Cidade", "Celular", "Nome", "Obs"], [2, 1, None, None, None])
    assert result.left_out == ["Cidade", "Obs"]
    assert sorted(zip(chunk.live.name, chunk.live.phone, strict=True)) == [("Ana", PHONE), ("Rui", OTHER)]
    cells = {chunk.live.original_cells(at)[0]: chunk.live.original_cells(at) for at in range(2)}
    assert cells["Rui"] == ["Rui", "(11) 91234-5679", "", "", ""]


def test_a_required_field_without_a_column_refuses_the_file(tmp_path: Path) -> None:
    refused = refusal(tmp_path, "Nome;Cidade\nAna;Santos\n")
    assert (refused.code, refused.facts) == ("columns_missing", {"missing": ["phone"]})


def test_a_mapping_that_does_not_fit_refuses_the_file(tmp_path: Path) -> None:
    file = FileOptions(columns="mapped", mapping={"Obs": "name", "Nome": "name", "Bairro": "notes"})
    refused = refusal(tmp_path, WIDE, file=file)
    assert refused.code == "data_invalid"
    assert [(each.code, each.pointer) for each in refused.errors] == [
        ("header_not_found", "/mapping/Bairro"),
        ("field_repeated", "/mapping"),
    ]


def test_a_column_for_two_fields_refuses_the_file(tmp_path: Path) -> None:
    file = FileOptions(columns="mapped", mapping={"tags": "tags", "TAGS": "notes"})
    refused = refusal(tmp_path, HEAD + f"Ana,{PHONE},,,VIP\n", file=file)
    assert [(each.code, each.pointer) for each in refused.errors] == [("header_not_found", "/mapping/TAGS")]


def test_a_column_that_is_left_out_need_not_be_there(tmp_path: Path) -> None:
    """A report has only the columns that hold a field, and is sent again with the mapping of its import."""
    mapping = {"Obs": None, "Fone": "phone", "Cliente": "name"}
    report = f"Fone;Cliente;row;outcome;reason\n{PHONE};Ana;2;error;x\n"
    result, (chunk,) = run(tmp_path, report, file=FileOptions(columns="mapped", mapping=mapping))
    assert result.refusal is None
    assert (chunk.live.name, chunk.live.phone) == (["Ana"], [PHONE])


@pytest.mark.parametrize("encoding", ["macintosh", "windows-1252", "cp850", "utf-16", "gb18030"])
def test_a_byte_order_mark_goes_before_the_encoding_that_is_named(tmp_path: Path, encoding: Any) -> None:
    """A report of ours has one; its import may have named the encoding of another file."""
    report = f"\ufeffCPF;Fone;Nome;row;outcome;reason\n;{PHONE};João;2;error;x\n"
    result, (chunk,) = run(tmp_path, report, file=FileOptions(columns="mapped", encoding=encoding))
    assert (result.refusal, result.headers, chunk.live.name) == (None, ["CPF", "Fone", "Nome"], ["João"])


@pytest.mark.parametrize("columns", ["strict", "mapped"])
def test_corrections_stand_in_place_of_cells(tmp_path: Path, columns: Any) -> None:
    text = HEAD + f"Ana,1,,,\nRui,{PHONE},,,\n"
    corrections = {"2": {"phone": OTHER, "email": "a@example.com"}}
    result, (chunk,) = run(tmp_path, text, file=FileOptions(columns=columns), corrections=corrections)
    assert result.refusal is None
    assert dict(zip(chunk.live.name, chunk.live.phone, strict=True)) == {"Ana": OTHER, "Rui": PHONE}
    at = chunk.live.name.index("Ana")
    assert chunk.live.original_cells(at) == ["Ana", OTHER, "", "a@example.com", ""]


def test_a_correction_of_a_row_that_is_not_there_refuses_the_file(tmp_path: Path) -> None:
    refused = refusal(tmp_path, HEAD + f"Ana,{PHONE},,,\n\n", corrections={"3": {"name": "x"}, "2": {"name": "Bia"}})
    assert [(each.code, each.pointer) for each in refused.errors] == [("row_not_found", "/corrections/3")]


def test_a_correction_of_a_field_without_a_column_refuses_the_file(tmp_path: Path) -> None:
    refused = refusal(tmp_path, WIDE, corrections={"2": {"email": "a@example.com"}})
    assert [(each.code, each.pointer) for each in refused.errors] == [("column_not_found", "/corrections/2/email")]


def test_a_fault_of_a_cell_is_told_of_its_field(tmp_path: Path) -> None:
    refused = refusal(tmp_path, "Fone;Obs;Nome\n11912345678;#N/A;#N/D\n")
    assert [(each.column, each.code) for each in refused.errors] == [("name", "cell_error")]


def test_a_report_says_whose_rows_it_holds(tmp_path: Path) -> None:
    others = "".join(f"Rui;{OTHER};{n};{said};\n" for n, said in ((3, "created"), (4, "error\0"), (5, "x" * 30_000)))
    text = f"Nome;Fone;row;outcome;reason\nAna;{PHONE};17;error;Not a phone.\nRui;{OTHER};;;\n{others}"
    result, (chunk,) = run(tmp_path, text)
    assert result.reported == [{"row": 17, "outcome": "error", "cells": ["Ana", PHONE, "", "", ""]}]
    assert (result.headers, result.left_out, len(chunk.live)) == (["Nome", "Fone"], [], 2)
    assert result.existing == 3
