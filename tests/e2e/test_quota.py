"""Five imports and 5,000 rows an hour, for each company and account."""

import asyncio

import httpx
import pytest

from tests.support.readers import Stored
from tests.support.user import NewUser, User, csv_file, lead_rows, new_phones, problem, totals


async def age(user: User, stored: Stored, import_id: int, *, minutes: int) -> None:
    """Let an import that has ended be older.

    By its time of acceptance an import's messages say whose they are. Of one that is under way each would be a dead
    letter, and be sent again without end; a stage that meets nothing else for long gives up.
    """
    await user.ended(import_id)
    await stored.execute(
        "UPDATE amigocare.lead_imports SET created_at = created_at - make_interval(mins => :minutes)"
        " WHERE company_id = :c AND id = :id",
        c=user.tenant.company_id,
        id=import_id,
        minutes=minutes,
    )


def small() -> bytes:
    return csv_file(lead_rows(new_phones(1)))


def duplicates(count: int) -> bytes:
    """Return a file of so many rows that cost the stores little: one phone, many times."""
    return csv_file(lead_rows(new_phones(1) * count))


def over(answer: httpx.Response) -> int:
    """Check a refusal for the quota; return its seconds."""
    problem(answer, 429, "quota_exceeded")
    seconds = answer.headers["retry-after"]
    assert seconds.isdecimal()
    assert 1 <= int(seconds) <= 3_600
    return int(seconds)


async def fill(user: User, count: int = 5) -> list[int]:
    return [await user.accept(small()) for _ in range(count)]


async def test_the_sixth_import_of_an_hour(user: User, stored: Stored) -> None:
    made = await fill(user)
    assert over(await user.upload(small())) > 3_500
    stored_imports = "SELECT count(*) FROM amigocare.lead_imports WHERE company_id = :c"
    assert await stored.value(stored_imports, c=user.tenant.company_id) == 5
    for import_id in made:
        assert totals(await user.ended(import_id)) == (1, 0, 0)


async def test_another_account_and_another_company_have_their_own(user: User, new_user: NewUser) -> None:
    await fill(user)
    await user.accept(small(), account_id=user.tenant.other_account_id)
    await (await new_user()).accept(small())
    over(await user.upload(small()))


async def test_another_user_of_the_account_shares_it(user: User) -> None:
    await fill(user)
    data = {"data": httpx.Request("POST", "http://x", json=user.tenant.data()).content.decode()}
    headers = user.tenant.headers(sub=str(user.tenant.other_user_id))
    files = {"file": ("leads.csv", small(), "text/csv")}
    over(await user.http.post("/import", files=files, data=data, headers=headers))


async def test_the_hour_rolls(user: User, stored: Stored) -> None:
    """``Retry-After`` says when the oldest import is an hour old; then one more passes."""
    made = await fill(user)
    await age(user, stored, made[0], minutes=50)
    assert 500 <= over(await user.upload(small())) <= 601
    await age(user, stored, made[0], minutes=11)
    await user.accept(small())
    assert over(await user.upload(small())) > 3_500


async def test_rows_are_summed(user: User) -> None:
    await user.accept(duplicates(3_000))
    over(await user.upload(duplicates(2_001)))
    await user.accept(duplicates(2_000))
    over(await user.upload(duplicates(1)))
    await user.accept(duplicates(5_000), account_id=user.tenant.other_account_id)


async def test_retry_after_waits_for_enough_rows(user: User, stored: Stored) -> None:
    """The oldest import gives back too few rows for a big file: the second oldest decides."""
    first = await user.accept(duplicates(1_000))
    second = await user.accept(duplicates(3_950))
    await age(user, stored, first, minutes=50)
    await age(user, stored, second, minutes=20)
    assert 500 <= over(await user.upload(duplicates(1_050))) <= 601
    assert 2_300 <= over(await user.upload(duplicates(1_051))) <= 2_401


async def test_invalid_rows_of_an_accepted_import_count(user: User) -> None:
    bad = csv_file([["Ana", "bad", "", "", ""]] * 4_999)
    await user.accept(bad, on_invalid_row="skip")
    over(await user.upload(duplicates(2)))
    await user.accept(small())


async def test_deleted_imports_still_count(user: User) -> None:
    for import_id in await fill(user):
        await user.ended(import_id)
        assert (await user.delete(import_id)).status_code == 204
    over(await user.upload(small()))


async def test_failed_imports_still_count(user: User, stored: Stored) -> None:
    for import_id in await fill(user):
        await user.ended(import_id)
    failed = "UPDATE amigocare.lead_imports SET status = 'FAILED' WHERE company_id = :c"
    await stored.execute(failed, c=user.tenant.company_id)
    over(await user.upload(small()))


async def test_rejected_uploads_do_not_count(user: User, new_user: NewUser) -> None:
    stranger = await new_user()
    await user.accept(small(), name="Feira")
    for _ in range(3):
        problem(await user.upload(csv_file([["Ana", "bad", "", "", ""]] * 4_000)), 422, "invalid_rows")
        problem(await user.upload(duplicates(5_001)), 422, "file_too_many_rows")
        problem(await user.upload(b"\x89PNG\r\n\x1a\n" + b"\0" * 100), 415, "file_not_spreadsheet")
        problem(await user.upload(duplicates(4_000), name="Feira"), 409, "name_taken")
        problem(await user.upload(duplicates(4_000), source_id=user.tenant.deleted_source_id), 422, "source_not_found")
        problem(await user.upload(duplicates(4_000), tag_ids=stranger.tenant.tag_ids), 422, "tags_not_found")
        problem(await user.upload(duplicates(4_000), account_id=stranger.tenant.account_id), 422, "account_not_found")
    await user.accept(duplicates(4_996))
    over(await user.upload(duplicates(4)))
    await user.accept(small())
    over(await user.upload(duplicates(3)))
    await user.accept(small())
    await user.accept(small())
    over(await user.upload(small()))


async def settled(uploads: list[bytes], user: User) -> list[int]:
    """Upload all at once, and again what the api was too busy for; return the statuses."""

    async def upload(file: bytes) -> int:
        data = user.tenant.data()
        while True:
            answer = await user.upload(file, **data)
            if answer.status_code != 503:
                return answer.status_code
            problem(answer, 503, "busy")
            await asyncio.sleep(min(int(answer.headers["retry-after"]), 1) / 10)

    return sorted(await asyncio.gather(*(upload(file) for file in uploads)))


@pytest.mark.parametrize("kept", [0, 3])
async def test_simultaneous_uploads_never_pass_together(user: User, stored: Stored, kept: int) -> None:
    await fill(user, kept)
    statuses = await settled([small() for _ in range(20)], user)
    assert statuses == [202] * (5 - kept) + [429] * (15 + kept)
    count = "SELECT count(*) FROM amigocare.lead_imports WHERE company_id = :c"
    assert await stored.value(count, c=user.tenant.company_id) == 5


async def test_simultaneous_uploads_never_pass_with_too_many_rows(user: User, stored: Stored) -> None:
    statuses = await settled([duplicates(1_400) for _ in range(10)], user)
    assert statuses == [202] * 3 + [429] * 7
    rows = "SELECT sum(total_rows) FROM amigocare.lead_imports WHERE company_id = :c"
    assert await stored.value(rows, c=user.tenant.company_id) == 4_200
