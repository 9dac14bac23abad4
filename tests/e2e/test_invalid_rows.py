"""``examples/leads-invalid.csv`` and the option ``on_invalid_row``."""

import csv
import io
import json
from typing import Any

from tests.support.readers import Stored
from tests.support.stack import ROOT
from tests.support.user import User, csv_file, lead_rows, new_phones, problem, totals

FILE = (ROOT / "examples" / "leads-invalid.csv").read_bytes()
PROMISED: dict[str, Any] = json.loads((ROOT / "examples" / "expected.json").read_bytes())["leads-invalid.csv"]


async def test_the_example_is_refused_with_every_error(user: User, stored: Stored) -> None:
    body = problem(await user.upload(FILE), 422, "invalid_rows")
    found = [{"row": error["row"], "column": error.get("column"), "code": error["code"]} for error in body["errors"]]
    assert found == PROMISED["errors"]
    assert body["total_errors"] == PROMISED["total_errors"]
    await stored.nothing_of(user.tenant.company_id)


async def test_skip_creates_the_valid_rows_and_keeps_the_others(user: User, stored: Stored) -> None:
    response = await user.upload(FILE, on_invalid_row="skip")
    assert response.status_code == 202
    assert response.json()["total_rows"] == PROMISED["total_rows"]
    found = await user.ended(response.json()["id"])
    assert found["status"] == "FINISHED"
    assert totals(found) == (PROMISED["total_created"], PROMISED["total_existing"], PROMISED["total_errors"])
    names = [lead["name"] for lead in await stored.leads(user.tenant.company_id)]
    assert len(names) == PROMISED["total_created"]
    assert all(name.startswith("Boa linha") for name in names)
    rows = await user.rows(found["id"])
    assert [(row["row"], row["reason"]) for row in rows] == [(e["row"], e["code"]) for e in PROMISED["errors"]]
    original = dict(enumerate(csv.reader(io.StringIO(FILE.decode(), newline="")), start=1))
    for row in rows:
        assert row["outcome"] == "error"
        assert row["detail"]
        cells = original[row["row"]]
        assert row["cells"][: len(cells)] == [cell[:1_000] for cell in cells]


async def test_skip_when_no_row_is_valid(user: User, stored: Stored) -> None:
    found = await user.run(csv_file([["", "", "", "", ""], ["Ana", "x", "", "", ""]] * 3), on_invalid_row="skip")
    assert found["status"] == "FINISHED"
    assert (found["total_rows"], *totals(found)) == (3, 0, 0, 3)
    assert await stored.leads(user.tenant.company_id) == []


async def test_of_equal_phones_the_first_valid_row_wins(user: User, stored: Stored) -> None:
    (phone,) = new_phones(1)
    rows = [
        ["Primeira, CPF errado", phone, "111.111.111-11", "", ""],
        ["Segunda", phone, "", "", ""],
        ["Terceira", phone, "", "", ""],
    ]
    found = await user.run(csv_file(rows), on_invalid_row="skip")
    assert totals(found) == (1, 1, 1)
    assert [lead["name"] for lead in await stored.leads(user.tenant.company_id)] == ["Segunda"]
    outcomes = [(row["row"], row["outcome"], row["reason"]) for row in await user.rows(found["id"])]
    assert outcomes == [(2, "error", "cpf_invalid"), (4, "existing", "in_file")]


async def test_long_cells_and_nul_are_kept_as_far_as_the_stores_can(user: User) -> None:
    good = lead_rows(new_phones(1))
    bad = [["A\0B" + "x" * length, "bad", "", "", ""] for length in (3_000, 20_000)]
    found = await user.run(csv_file([*good, *bad]), on_invalid_row="skip")
    assert totals(found) == (1, 0, 2)
    whole, long = await user.rows(found["id"])
    assert (whole["row"], whole["cells"][0]) == (3, "AB" + "x" * 3_000)
    assert (long["row"], long["cells"][0]) == (4, "AB" + "x" * 15_998 + " [... +4002]")
