"""``Idempotency-Key``: who sends an upload again, because the answer got lost, gets the first answer."""

import asyncio
import json

import httpx
import pytest

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
        assert again.content == first.content
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


@pytest.mark.parametrize(
    "key", ["k", "k" * 255, "\xe9" * 255, 'a key, with; "signs"'], ids=["1", "255", "latin", "signs"]
)
async def test_a_key_has_up_to_255_characters(user: User, stored: Stored, key: str) -> None:
    file, data = csv_file(lead_rows(new_phones(1))), user.tenant.data()
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    headers += [(name.encode(), value.encode()) for name, value in user.tenant.headers().items()]
    answers = [
        await user.http.post(
            "/import", files={"file": ("leads.csv", file)}, data={"data": json.dumps(data)}, headers=headers
        )
        for _ in range(2)
    ]
    assert answers[0].status_code == 202
    assert answers[1].json() == answers[0].json()
    assert await count(user, stored) == 1


@pytest.mark.parametrize("key", ["", "k" * 256], ids=["none", "256"])
async def test_a_key_of_another_length_is_refused(user: User, stored: Stored, key: str) -> None:
    file, data = csv_file(lead_rows(new_phones(1))), user.tenant.data()
    problem(await upload(user, file, data, key), 422, "request_invalid")
    await stored.nothing_of(user.tenant.company_id)


AGE = "UPDATE amigocare.idempotency_keys SET created_at = now() - make_interval(secs => :age) WHERE company_id = :c"


async def test_a_key_is_kept_for_24_hours(user: User, stored: Stored) -> None:
    """Afterwards it is as good as new: for the same content, which has a name that is taken by now, and for other."""
    file, data = csv_file(lead_rows(new_phones(1))), user.tenant.data()
    first = await upload(user, file, data, "k-1")
    await stored.execute(AGE, c=user.tenant.company_id, age=24 * 3_600 - 60)
    assert (await upload(user, file, data, "k-1")).json() == first.json()
    await stored.execute(AGE, c=user.tenant.company_id, age=24 * 3_600 + 1)
    problem(await upload(user, file, data, "k-1"), 409, "name_taken")
    other = await upload(user, csv_file(lead_rows(new_phones(1))), user.tenant.data(), "k-1")
    assert other.status_code == 202
    assert other.json()["id"] != first.json()["id"]
    problem(await upload(user, file, data, "k-1"), 422, "idempotency_key_reused")


async def test_keys_are_forgotten_in_time(user: User, stored: Stored) -> None:
    await upload(user, csv_file(lead_rows(new_phones(1))), user.tenant.data(), "k-1")
    await stored.execute(AGE, c=user.tenant.company_id, age=25 * 3_600 + 1)
    await upload(user, csv_file(lead_rows(new_phones(1))), user.tenant.data(), "k-2")
    kept = await stored.rows(
        "SELECT key FROM amigocare.idempotency_keys WHERE company_id = :c", c=user.tenant.company_id
    )
    assert kept == [{"key": "k-2"}]


async def test_no_refusal_is_kept(user: User, stored: Stored) -> None:
    """422, 409, 413, 429: each is decided anew."""
    good, data = csv_file(lead_rows(new_phones(1))), user.tenant.data()
    problem(await upload(user, b"", data, "k-1"), 422, "file_empty")
    problem(
        await upload(user, good, data | {"source_id": user.tenant.deleted_source_id}, "k-1"), 422, "source_not_found"
    )
    problem(await upload(user, b"," * 21_000_000, data, "k-1"), 413, "file_too_large")
    await user.run(csv_file(lead_rows(new_phones(1))), name="Feira")
    problem(await upload(user, good, data | {"name": "Feira"}, "k-1"), 409, "name_taken")
    for _ in range(4):  # to their ends: an import that is under way and gets older is another one to its messages
        await user.run(csv_file(lead_rows(new_phones(1))))
    problem(await upload(user, good, data, "k-1"), 429, "quota_exceeded")
    await stored.execute(
        "UPDATE amigocare.lead_imports SET created_at = now() - interval '2 hours' WHERE company_id = :c",
        c=user.tenant.company_id,
    )
    assert (await upload(user, good, data, "k-1")).status_code == 202


async def test_a_kept_answer_is_for_who_may_use_the_account(user: User) -> None:
    file, data = csv_file(lead_rows(new_phones(1))), user.tenant.data()
    assert (await upload(user, file, data, "k-1")).status_code == 202
    answer = await user.http.post(
        "/import",
        files={"file": ("leads.csv", file, "text/csv")},
        data={"data": json.dumps(data)},
        headers=user.tenant.headers(accounts=[user.tenant.other_account_id]) | {"Idempotency-Key": "k-1"},
    )
    problem(answer, 403, "account_forbidden")
