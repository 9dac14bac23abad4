"""What an import knows of people ends some time after it, over the running services; its totals stay."""

from typing import Any

from tests.support.readers import Stored
from tests.support.user import User, csv_file, lead_rows, new_phones, problem, totals
from tests.support.waiting import eventually

AGED = "UPDATE amigocare.lead_imports SET finished_at = now() - interval '91 days' WHERE id = :i"


async def test_rows_of_an_import_whose_time_is_over_are_told_no_more(user: User, stored: Stored) -> None:
    rows = [*lead_rows(new_phones(2)), ["Zé Ninguém", "ligar depois", "", "", ""]]
    ended = await user.run(csv_file([*rows, rows[0]]), on_invalid_row="skip")
    assert ended["rows_expired_at"] is None
    assert len(await user.rows(ended["id"])) == 2
    await stored.execute(AGED, i=ended["id"])

    async def look() -> dict[str, Any] | None:
        found: dict[str, Any] = (await user.get(f"/imports/{ended['id']}")).json()
        return found if found["rows_expired_at"] else None

    expired = await eventually(look, what="the finalizer's sweep")
    assert totals(expired) == totals(ended) == (2, 1, 1)
    assert expired["reasons"] == ended["reasons"]
    for kind in ("json", "csv", "xlsx"):
        problem(await user.get(f"/imports/{ended['id']}/rows", format=kind), 410, "rows_expired")
    assert len(await user.rows(ended["id"], outcome="created")) == 2, "which leads it made is told all the same"
    left = "SELECT count(*) FROM amigocare.lead_import_rows WHERE import_id = :i"
    assert await stored.value(left, i=ended["id"]) == 0
