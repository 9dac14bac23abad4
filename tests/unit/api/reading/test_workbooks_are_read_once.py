"""A workbook is read once, whatever its caller says of texts."""

from pathlib import Path
from typing import Any

import pytest

from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.reader import read_spreadsheet
from services.api.reading.domain import report_sent_again
from tests.unit.api.reading.runs import run_on
from tests.unit.api.reading.test_reports_read_again import Kind, write_file


@pytest.mark.parametrize("kind", ["xlsx", "xls"])
def test_a_workbook_that_lacks_a_column_is_read_once(
    tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a caller says of a text makes no other file of it, and a small workbook may take seconds to read."""
    reads: list[Path] = []

    def counted(path: Path, *options: Any) -> Any:
        reads.append(path)
        return read_spreadsheet(path, *options)

    monkeypatch.setattr(report_sent_again, "read_spreadsheet", counted)
    write_file(tmp_path / "upload", [["nome", "cidade"], ["Ana", "Santos"]], kind)
    for sheet in (None, "Leads" if kind == "xls" else "Sheet1"):
        said = FileOptions(columns="mapped", encoding="windows-1252", delimiter=";", sheet=sheet)
        reads.clear()
        result, _ = run_on(tmp_path / "upload", tmp_path / "spool", file=said)
        assert result.refusal is not None
        assert (result.refusal.code, len(reads)) == ("columns_missing", 1)
