"""What a preview shows of a file."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from libs.spreadsheets.file_options import FileOptions
from services.api.reading.domain.file_to_chunks import file_to_chunks
from services.api.reading.domain.job import ReadingJob
from services.api.reading.domain.preview import ROWS_A_PAGE
from tests.support.imports import CHUNK_ROWS
from tests.unit.api.reading.runs import ENVELOPE, HEAD
from tests.unit.spreadsheets.records import A_FILE_EACH

PHONES = ["11912345678", "(11) 91234-5678", "11 1234-5678", "123", ""]


def preview_of(folder: Path, text: str, **options: Any) -> dict[str, Any]:
    (folder / "upload").write_text(text)
    options = {"file": FileOptions(columns="mapped"), "on_invalid_row": "skip"} | options
    paths = str(folder / "upload"), str(folder / "spool")
    wanted: dict[str, Any] = {"chunk_rows": CHUNK_ROWS, "preview_path": str(folder / "preview"), **options}
    result = file_to_chunks(ReadingJob(*paths, ENVELOPE, **wanted))
    assert result.refusal is None, result.refusal
    shown: dict[str, Any] = json.loads((folder / "preview").read_bytes())
    return shown


def test_columns_rows_and_errors_are_shown(tmp_path: Path) -> None:
    text = "Nome;Celular;Cidade\nAna;(11) 91234-5678;Santos\nRui;11912345678;\n;12;Santos\n"
    shown = preview_of(tmp_path, text)
    assert shown["file"] == {"format": "csv", "encoding": "utf-8", "delimiter": ";", "sheet": None, "sheets": []}
    assert [(each["header"], each["field"]) for each in shown["columns"]] == [
        ("Nome", "name"),
        ("Celular", "phone"),
        ("Cidade", None),
    ]
    assert [(each["valid"], each["invalid"], each["empty"]) for each in shown["columns"]] == [
        (2, 0, 1),
        (2, 1, 0),
        (2, 0, 1),
    ]
    assert shown["columns"][2]["samples"] == ["Santos"]
    assert [(row["row"], row["outcome"], row["reason"], row["column"]) for row in shown["rows"]] == [
        (2, "created", None, None),
        (3, "existing", "in_file", "phone"),
        (4, "error", "name_missing", "name"),
    ]
    assert shown["rows"][0]["stored"] == {
        "name": "Ana",
        "phone": "11912345678",
        "dial_code": "55",
        "country_code": "BR",
        "cpf": None,
        "email": None,
        "tags": [],
    }
    assert shown["rows"][0]["cells"] == ["Ana", "(11) 91234-5678", "Santos"]
    assert shown["reasons"] == {"in_file": 1, "name_missing": 1}
    assert [(each["row"], each["column"], each["code"]) for each in shown["errors"]] == [
        (4, "name", "name_missing"),
        (4, "phone", "phone_invalid"),
    ]
    assert shown["total_errors"] == 2


def test_missing_columns_are_named_and_the_others_shown(tmp_path: Path) -> None:
    shown = preview_of(tmp_path, "Cidade;Telefone\nSantos;11912345678\n")
    assert (shown["missing"], shown["total_rows"], shown["rows"]) == (["name"], 1, [])
    assert shown["columns"][0]["samples"] == ["Santos"]


def test_pages_are_of_a_hundred_rows(tmp_path: Path) -> None:
    text = HEAD + "".join(f"Lead {at},119{at:08},,,\n" for at in range(250))
    pages = [preview_of(tmp_path, text, page=page, chunk_rows=70)["rows"] for page in (1, 2, 3, 4)]
    assert [len(rows) for rows in pages] == [ROWS_A_PAGE, ROWS_A_PAGE, 50, 0]
    assert [row["row"] for rows in pages for row in rows] == list(range(2, 252))


@A_FILE_EACH
@given(rows=st.lists(st.tuples(st.sampled_from(["Ana", ""]), st.sampled_from(PHONES)), min_size=1, max_size=30))
def test_counts_of_every_column_and_of_reasons_add_up(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    shown = preview_of(tmp_path, HEAD + "".join(f"{name},{phone},,,x\n" for name, phone in rows), chunk_rows=7)
    assert {each["valid"] + each["invalid"] + each["empty"] for each in shown["columns"]} == {len(rows)}
    fates = [row["outcome"] for row in shown["rows"]]
    assert sum(shown["reasons"].values()) == len(rows) - fates.count("created")
