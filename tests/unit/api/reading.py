"""Reading of files in tests: records or the refusal."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from libs.contracts.lead_import.internal.carried_cells import COLUMNS
from services.api.domain.job import Limits
from services.api.domain.problems import PROBLEMS, Refused
from services.api.domain.spreadsheet import read_spreadsheet

ANA = ["Ana", "11912345678", "", "", ""]
A_FILE_EACH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

Records = list[tuple[int, list[str]]]
Reader = Callable[..., Records]


def read_path(path: Path, limits: Limits | None = None) -> Records:
    return list(read_spreadsheet(path, limits or Limits()))


def refusal(read: Callable[..., object], *arguments: object) -> Refused:
    with pytest.raises(Refused) as caught:
        read(*arguments)
    assert caught.value.code in PROBLEMS
    return caught.value


def gives_records_or_a_refusal(path: Path) -> bool:
    try:
        return all(number > 1 and len(cells) >= len(COLUMNS) for number, cells in read_path(path))
    except Refused as refused:
        return refused.code in PROBLEMS
