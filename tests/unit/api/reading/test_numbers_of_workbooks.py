"""Numbers that a workbook keeps as such: whether they are thousands or a fraction nobody need guess."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from libs.fields.custom_values import FieldType, OwnField
from libs.spreadsheets.file_options import FileOptions
from services.api.reading.domain.job import ReadingResult
from tests.unit.api.reading.runs import run_on


def run(folder: Path, values: list[object], *own: OwnField, **options: Any) -> tuple[ReadingResult, list[Any]]:
    """Read a workbook with these cells in a column of its own; return what is stored of them, too."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["nome", "celular", "Peso"])
    for at, value in enumerate(values):
        sheet.append([f"Ana {at}", 11912345670 + at, value])
    book.save(folder / "upload")
    wanted = {"own_fields": own, "custom_types": {field.key: field.type for field in own}}
    file = FileOptions(columns="mapped")
    result, chunks = run_on(folder / "upload", folder / "spool", **{"file": file} | wanted | options)
    return result, [value for chunk in chunks for column in chunk.live.more or () for value in column.values]


@pytest.mark.parametrize("value", [5.879, 1.125, -3.125, 999.999, 12.5, 1234.567])
def test_a_number_of_three_decimals_is_one(tmp_path: Path, value: float) -> None:
    result, stored = run(tmp_path, [value], OwnField("peso", "Peso", "number"))
    assert (result.refusal, stored) == (None, [value])


@pytest.mark.parametrize(("kind", "stored"), [("string", "5.879"), ("number", 5.879)])
def test_of_a_text_it_is_the_digits(tmp_path: Path, kind: FieldType, stored: object) -> None:
    assert run(tmp_path, [5.879], OwnField("peso", "Peso", kind))[1] == [stored]


def test_a_column_of_such_numbers_makes_a_field_of_numbers(tmp_path: Path) -> None:
    result, stored = run(tmp_path, [5.879, 1.5, 2])
    assert result.new_fields == [OwnField("peso", "Peso", "number")]
    assert stored == [5.879, 1.5, 2]


def test_a_text_may_be_either(tmp_path: Path) -> None:
    result, _ = run(tmp_path, ["5.879"], OwnField("peso", "Peso", "number"))
    assert result.refusal is not None
    assert [each.code for each in result.refusal.errors] == ["number_ambiguous"]


@pytest.mark.parametrize("values", [[1.234, "1.234"], ["1.234", 1.234]])
def test_a_column_of_numbers_and_of_texts_that_look_like_them_makes_a_field_of_texts(
    tmp_path: Path, values: list[object]
) -> None:
    result, stored = run(tmp_path, values)
    assert result.new_fields == [OwnField("peso", "Peso", "string")]
    assert stored == ["1.234", "1.234"]
