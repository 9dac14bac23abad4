"""A report is sent again with the ``data`` of its import, which says what the first file was like."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from libs.spreadsheets.encodings import CODECS, EncodingName
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.writing import csv_header, csv_rows
from services.api.reading.domain.file_to_chunks import file_to_chunks
from services.api.reading.domain.job import ReadingJob, ReadingResult
from tests.unit.api.reading.runs import ENVELOPE, run_on
from tests.unit.api.reading.test_reports_read_again import KINDS, Kind, report_of

ROWS = [["Nome", "Celular", "Obs"], ["Ana", "x", "a;b"], ["Bia", "11912345678", "c|d"]]
STRICT_ROWS = [["name", "phone", "cpf", "email", "tags"], ["Ana", "x", "", "", ""], ["Bia", "11912345678", "", "", ""]]
SAID = {
    "sheet": FileOptions(columns="mapped", mapping={"Obs": "notes"}, sheet="Contatos"),
    "delimiter": FileOptions(columns="mapped", mapping={"Obs": "notes"}, delimiter="|"),
    "encoding": FileOptions(columns="mapped", mapping={"Obs": "notes"}, delimiter="|", encoding="utf-16"),
    "strict": FileOptions(delimiter="|"),
}


def write(path: Path, said: FileOptions, rows: list[list[str]]) -> None:
    """Write a file that is as its caller says."""
    if said.sheet is not None:
        workbook = openpyxl.Workbook()
        sheet = workbook.create_sheet(said.sheet)
        for row in rows:
            sheet.append(row)
        workbook.save(path)
    else:
        with path.open("w", encoding=said.encoding or "utf-8", newline="") as file:
            csv.writer(file, delimiter=said.delimiter or ";").writerows(rows)


def run(path: Path, said: FileOptions) -> tuple[ReadingResult, list[Any]]:
    return run_on(path, path.with_name("spool"), file=said, on_invalid_row="skip")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "xls"])
@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_a_report_is_read_with_all_that_was_said_of_its_import(said: FileOptions, kind: Kind, tmp_path: Path) -> None:
    rows = ROWS if said.columns == "mapped" else STRICT_ROWS
    write(tmp_path / "upload", said, rows)
    first = run(tmp_path / "upload", said)
    assert (first[0].refusal, first[0].total_rows) == (None, 2)
    (tmp_path / "report").write_bytes(report_of(*first, kind))
    again, _ = run(tmp_path / "report", said)
    assert (again.refusal, again.total_rows) == (None, 2)
    assert [each["row"] for each in again.reported] == [2, 3]
    assert again.headers == rows[0]


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_a_file_that_is_no_report_is_read_as_its_caller_says_or_not_at_all(said: FileOptions, tmp_path: Path) -> None:
    said = replace(said, encoding=None)
    (tmp_path / "upload").write_bytes(csv_header(ROWS[0]) + csv_rows(ROWS[1:]))
    result, _ = run(tmp_path / "upload", said)
    assert result.refusal is not None
    assert result.refusal.code in {"sheet_not_found", "data_invalid", "file_headers"}


def test_of_a_workbook_with_more_sheets_the_one_is_read_that_is_named_or_none(tmp_path: Path) -> None:
    said = SAID["sheet"]
    write(tmp_path / "upload", said, ROWS)
    report = tmp_path / "report.xlsx"
    report.write_bytes(report_of(*run(tmp_path / "upload", said), "xlsx"))
    workbook = openpyxl.load_workbook(report)
    workbook.create_sheet("Outra")
    workbook.save(report)
    result, _ = run(report, said)
    assert result.refusal is not None
    assert result.refusal.code == "sheet_not_found"
    assert run(report, replace(said, sheet="leads"))[0].refusal is None


def test_a_file_in_which_there_is_what_its_caller_says_is_read_so_though_it_ends_as_a_report(tmp_path: Path) -> None:
    rows = [["Nome;row", "Celular", "row", "outcome", "reason"], ["Ana", "11912345678", "2", "error", "x"]]
    said = FileOptions(columns="mapped", mapping={"Nome;row": "name"}, delimiter="|")
    write(tmp_path / "upload", said, rows)
    result, _ = run(tmp_path / "upload", said)
    assert (result.refusal, result.separator) == (None, "|")


NAMES = ("João da Conceição", "Inês Gonçalves")
STRICT = [["name", "phone", "cpf", "email", "tags"], *([name, "x", "", "", ""] for name in NAMES)]
MAPPED = [["Nome", "Celular", "Observação"], *([name, "x", "indicação"] for name in NAMES)]
NOTES: dict[str, str | None] = {"Observação": "notes"}
SAVED_AS = ("utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le")


def corrected(report: bytes, codec: str) -> bytes:
    """Return what a program saves of a report in which somebody corrected the phones."""
    text = report.decode("utf-8-sig")
    for at, name in enumerate(NAMES):
        text = re.sub(rf"({name}[,;])x([,;])", rf"\g<1>1191234567{at}\2", text)
    return text.encode(codec)


@pytest.mark.parametrize("saved", SAVED_AS)
@pytest.mark.parametrize("encoding", CODECS)
@pytest.mark.parametrize("columns", ["strict", "mapped"])
def test_a_report_is_read_in_the_encoding_that_it_was_saved_in_whatever_its_import_was_in(
    tmp_path: Path, encoding: EncodingName, columns: str, saved: str
) -> None:
    said = FileOptions(encoding=encoding)
    if columns == "mapped":
        said = replace(said, columns="mapped", mapping=NOTES)
    write(tmp_path / "upload", FileOptions(), STRICT if columns == "strict" else MAPPED)
    report = report_of(*run(tmp_path / "upload", replace(said, encoding=None)), "csv")
    (tmp_path / "report").write_bytes(corrected(report, saved))
    again, (chunk,) = run(tmp_path / "report", said)
    assert (again.refusal, again.invalid, len(again.reported)) == (None, 0, 2)
    assert sorted(chunk.live.name) == sorted(NAMES)
    assert [column.values for column in chunk.live.more or ()] == [["indicação"] * 2] * (columns == "mapped")


def test_a_preview_of_a_report_says_in_which_encoding_it_was_read_and_that_few_words_told_it(tmp_path: Path) -> None:
    write(tmp_path / "upload", FileOptions(), STRICT)
    report = report_of(*run(tmp_path / "upload", FileOptions()), "csv")
    (tmp_path / "report").write_bytes(corrected(report, "cp1252").replace("Conceição".encode("cp1252"), b"Silva"))
    for named, is_told in (("macintosh", True), ("windows-1252", False)):
        file = FileOptions(encoding=named)  # type: ignore[arg-type]
        paths = str(tmp_path / "report"), str(tmp_path / "spool")
        file_to_chunks(ReadingJob(*paths, ENVELOPE, file=file, preview_path=str(tmp_path / "preview"), chunk_rows=500))
        shown = json.loads((tmp_path / "preview").read_bytes())
        assert (shown["file"]["encoding"], shown["has_few_accents"]) == ("windows-1252", is_told)
        assert sorted(row["stored"]["name"] for row in shown["rows"]) == ["Inês Gonçalves", "João da Silva"]


def test_a_report_whose_encoding_is_not_certain_is_read_as_its_import_was(tmp_path: Path) -> None:
    said = FileOptions(encoding="macintosh")
    (tmp_path / "upload").write_bytes("name,phone,cpf,email,tags\nJoão,x,,,\n".encode("macintosh"))
    report = report_of(*run(tmp_path / "upload", said), "csv").decode("utf-8-sig").replace(";x;", ";11912345678;")
    (tmp_path / "report").write_bytes(report.encode("macintosh"))
    assert run(tmp_path / "report", FileOptions())[0].refusal is not None
    _, (chunk,) = run(tmp_path / "report", said)
    assert list(chunk.live.name) == ["João"]
    # Another separator than its import's makes no difference to it.
    _, (chunk,) = run(tmp_path / "report", replace(said, delimiter="|"))
    assert list(chunk.live.name) == ["João"]


@pytest.mark.parametrize("encoding", ["windows-1252", "macintosh", "cp850", "cp860", "gb18030", "utf-16"])
def test_a_file_in_utf8_that_is_no_report_is_refused_where_another_encoding_is_named(
    tmp_path: Path, encoding: EncodingName
) -> None:
    (tmp_path / "upload").write_bytes("name,phone,cpf,email,tags\r\nJoão da Conceição,11 91234-5678,,,".encode())
    refused = run(tmp_path / "upload", FileOptions(encoding=encoding))[0].refusal
    assert refused is not None
    assert refused.code == "file_encoding"
