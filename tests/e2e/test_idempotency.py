"""``Idempotency-Key``: who sends an upload again, because the answer got lost, gets the first answer."""

import asyncio
import json

import httpx

from tests.support.readers import Stored
from tests.support.user import NewUser, User, csv_file, lead_rows, new_phones, problem, totals


async def upload(user: User, file: bytes, data: dict[str, object], key: str) -> httpx.Response:
    return await user.http.post(
        "/import",
        files={"file": ("leads.csv", file, "text/csv")},
        data={"data": json.dumps(data)},
        headers=user.tenant.headers() | {"Idempotency-Key": key},
    )


async def count(user: User, stored: Stored) -> int:
    imports = "SELECT count(*) FROM amigocare.lead_imports WHERE company_id = :c"
    found: int = await stored.value(imports, c=user.tenant.company_id)
    return found


async def test_the_same_upload_is_answered_once(user: User, stored: Stored) -> None:
    file, data = csv_file(lead_rows(new_phones(2))), user.tenant.data()
    first = await upload(user, file, data, "k-1")
    assert first.status_code == 202
    for _ in range(6):
        again = await upload(user, file, data, "k-1")
        assert (again.status_code, again.json(), again.headers["location"]) == (
            202,
            first.json(),
            first.headers["location"],
        )
    assert totals(await user.ended(first.json()["id"])) == (2, 0, 0)
    assert await count(user, stored) == 1


async def test_many_at_once_make_one_import(user: User, stored: Stored) -> None:
    file, data = csv_file(lead_rows(new_phones(2))), user.tenant.data()
    answers = await asyncio.gather(*(upload(user, file, data, "k-1") for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await count(user, stored) == 1


async def test_a_key_is_of_one_upload_and_one_company(user: User, new_user: NewUser, stored: Stored) -> None:
    file, data = csv_file(lead_rows(new_phones(2))), user.tenant.data()
    first = await upload(user, file, data, "k-1")
    other_file = csv_file(lead_rows(new_phones(2)))
    problem(await upload(user, other_file, data, "k-1"), 422, "idempotency_key_reused")
    problem(await upload(user, file, data | {"name": "Outra"}, "k-1"), 422, "idempotency_key_reused")
    stranger = await new_user()
    theirs = await upload(stranger, file, stranger.tenant.data(), "k-1")
    assert theirs.json()["id"] != first.json()["id"]
    assert await count(user, stored) == 1


async def test_a_refused_upload_leaves_its_key_free(user: User, stored: Stored) -> None:
    data = user.tenant.data()
    problem(await upload(user, csv_file([["Ana", "bad", "", "", ""]]), data, "k-1"), 422, "invalid_rows")
    await stored.nothing_of(user.tenant.company_id)
    assert (await upload(user, csv_file(lead_rows(new_phones(1))), data, "k-1")).status_code == 202


async def test_a_repeat_passes_though_the_quota_is_used_up(user: User) -> None:
    file, data = csv_file(lead_rows(new_phones(1))), user.tenant.data()
    first = await upload(user, file, data, "k-1")
    for _ in range(4):
        await user.accept(csv_file(lead_rows(new_phones(1))))
    assert (await upload(user, file, data, "k-1")).json() == first.json()
    problem(await upload(user, file, user.tenant.data(), "k-2"), 429, "quota_exceeded")
