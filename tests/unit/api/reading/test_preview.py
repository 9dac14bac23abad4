"""What a preview shows of a file."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from libs.fields.custom_values import LONGEST, MOST_FIELDS
from libs.fields.more_fields import MORE_FIELDS, NOTES_LIMIT
from libs.fields.text import TEXT_LIMIT
from libs.spreadsheets.columns import LONGEST_HEADER, MOST_TOLD
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.sheet_names import LONGEST_SHEET_NAME
from services.api.reading.domain.file_to_chunks import file_to_chunks
from services.api.reading.domain.job import ReadingJob
from services.api.reading.domain.preview import MOST_BYTES, MOST_SHEETS_TOLD, ROWS_A_PAGE
from tests.support.imports import CHUNK_ROWS
from tests.unit.api.reading.runs import ENVELOPE, HEAD
from tests.unit.spreadsheets.records import A_FILE_EACH
from tests.unit.spreadsheets.workbooks import HEADER, LEAD, write_xlsb, write_xlsx

PHONES = ["11912345678", "(11) 91234-5678", "11 1234-5678", "123", ""]


def preview_of(folder: Path, text: str, **options: Any) -> dict[str, Any]:
    (folder / "upload").write_text(text)
    return preview_in(folder, **options)


def preview_in(folder: Path, **options: Any) -> dict[str, Any]:
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


def test_long_values_of_further_fields_are_cut_as_cells_are(tmp_path: Path) -> None:
    text = HEAD.strip() + ",notes,Cidade,Visitas\n" + f"Ana,11912345678,,,,{'x' * 10_000},{'y' * 900},7\n" * 3
    file = FileOptions(columns="mapped", mapping={"notes": "notes"})
    shown = preview_of(tmp_path, text, file=file, own_fields=[])
    assert shown["rows"][0]["stored"]["more"] == {
        "notes": f"{'x' * 300} [... +9700]",
        "custom:cidade": f"{'y' * 300} [... +600]",
        "custom:visitas": 7,
    }
    assert shown["rows"][0]["cells"][5:] == [f"{'x' * 300} [... +9700]", f"{'y' * 300} [... +600]", "7"]
    assert (shown["total_rows"], shown["reasons"]) == (3, {"in_file": 2})


def test_all_further_values_of_a_row_together_are_cut_as_its_cells_are(tmp_path: Path) -> None:
    names = [f"Campo {at}" for at in range(MOST_FIELDS)]
    row = ",".join(["Ana", "11912345678", *[f"{at:02}" + "x" * 98 for at in range(MOST_FIELDS)]])
    shown = preview_of(tmp_path, ",".join(["name", "phone", *names]) + f"\n{row}\n", own_fields=[])
    more = list(shown["rows"][0]["stored"]["more"].values())
    assert (more[9], more[10], more[49]) == ("09" + "x" * 98, " [... +100]", " [... +100]")


def test_sheets_are_told_by_short_names_and_not_more_of_them_than_a_person_looks_through(tmp_path: Path) -> None:
    names = [f"{at:03}" + "\\" * 50_000 for at in range(MOST_SHEETS_TOLD + 5)]
    write_xlsx(tmp_path / "upload", HEADER + LEAD, sheets=dict.fromkeys(names, "visible"))
    last = names[-1][:LONGEST_SHEET_NAME]
    shown = preview_in(tmp_path, file=FileOptions(columns="mapped", sheet=last))
    told = [name[:LONGEST_SHEET_NAME] for name in names[:MOST_SHEETS_TOLD]]
    assert shown["file"] | {"sheet": last, "sheets": [*told, last]} == shown["file"], "the one that is read among them"
    assert shown["total_rows"] == 1


def test_what_a_person_sees_otherwise_than_it_is_read_is_told(tmp_path: Path) -> None:
    merged = '<mergeCells><mergeCell ref="E2:E3"/></mergeCells>'
    write_xlsx(tmp_path / "upload", HEADER + LEAD.replace("<row ", '<row hidden="1" '), behind=merged)
    assert preview_in(tmp_path)["seen_otherwise"] == ["hidden_rows", "merged_cells"]
    assert preview_of(tmp_path, "name,phone\nAna,11912345678\n")["seen_otherwise"] == []


def test_no_preview_is_larger_than_may_go_through_the_process_that_answers_everybody(tmp_path: Path) -> None:
    """What has the most bytes in each place: a control character takes six, an emoji four."""
    control, emoji = "\x01", "\U0001f600"
    of_leads = [*FILE_COLUMNS, *MORE_FIELDS]
    own = [f"{at:02}" + control * (LONGEST_HEADER - 2) for at in range(MOST_FIELDS)]
    out = [f"{at:02}-" + control * (LONGEST_HEADER - 3) for at in range(MOST_TOLD - len(of_leads) - len(own))]
    longest = {"cpf": "", "phone": "", "email": "", "tags": emoji * TEXT_LIMIT, "notes": emoji * NOTES_LIMIT}
    values = [longest.get(name, emoji * TEXT_LIMIT) for name in of_leads] + [emoji * LONGEST] * len(own)
    rows: dict[tuple[int, int], str | float] = {}
    for at in range(1, ROWS_A_PAGE + 1):
        surplus = [chr(ord("a") + at % 3) + control * 400] * len(out)
        cells = [*surplus, *values]
        cells[len(out) + FILE_COLUMNS.index("phone")] = f"119{at:08}"
        rows |= {(at, place): cell for place, cell in enumerate(cells)}
    sheets = {f"{at:03}" + control * LONGEST_SHEET_NAME: True for at in range(MOST_SHEETS_TOLD + 5)}
    write_xlsb(tmp_path / "upload", rows, header=[*out, *of_leads, *own], sheets=sheets, shares_texts=True)
    mapping = {name: name for name in MORE_FIELDS} | dict.fromkeys(out)
    last = list(sheets)[-1][:LONGEST_SHEET_NAME]
    file = FileOptions(columns="mapped", mapping=mapping, sheet=last)
    shown = preview_in(tmp_path, file=file, own_fields=[])
    size = (tmp_path / "preview").stat().st_size
    assert size <= MOST_BYTES
    assert size > 1_000_000, "it is made of what there is most of"
    assert [(row["outcome"], row["stored"], row["cells"]) for row in shown["rows"]] == [("created", None, [])] * 100
    assert (shown["total_rows"], shown["total_errors"]) == (ROWS_A_PAGE, 0)
