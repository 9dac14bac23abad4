"""What a preview warns of."""

from typing import Any

import pytest

from libs.contracts.lead_import.words import words
from services.api.accepting.domain.quota import QuotaView, Used
from services.api.previewing.domain.cautions import cautions

SHOWN: dict[str, Any] = {
    "total_rows": 10,
    "has_few_accents": False,
    "has_more_columns": False,
    "seen_otherwise": [],
    "file": {"sheets": ["Leads"]},
    "missing": [],
}


def warned(rows_left: int = 10, imports_left: int = 1, *, same_file: bool = False, **shown: Any) -> list[str]:
    rows, imports = (Used(limit=100, used=100 - left, left=left) for left in (rows_left, imports_left))
    quota = QuotaView(account_id=1, rows=rows, imports=imports, resets_at=None)
    has_forecast = shown.pop("has_forecast", True)
    return cautions(SHOWN | shown, quota, same_file=same_file, has_forecast=has_forecast)


@pytest.mark.parametrize(
    ("case", "codes"),
    [
        ({}, []),
        ({"rows_left": 9}, ["over_quota"]),
        ({"imports_left": 0}, ["over_quota"]),
        ({"same_file": True}, ["same_file"]),
        ({"has_few_accents": True}, ["few_accents"]),
        ({"seen_otherwise": ["hidden_rows"]}, ["hidden_rows"]),
        ({"file": {"sheets": ["Leads", "Capa"]}}, ["other_sheets"]),
        ({"seen_otherwise": ["hidden_rows", "merged_cells"]}, ["merged_cells", "hidden_rows"]),
        ({"has_more_columns": True}, ["more_columns"]),
        ({"has_forecast": False}, ["no_forecast"]),
        ({"has_forecast": False, "missing": ["phone"]}, []),
    ],
    ids=str,
)
def test_somebody_is_warned_of_what_should_be_known(case: dict[str, Any], codes: list[str]) -> None:
    assert warned(**case) == codes
    assert set(codes) <= words("en").warnings.keys()
