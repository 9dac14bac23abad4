"""What counts against an account's hour, by given clocks: the hour before the upload's own time of acceptance."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
import pytest_asyncio

from libs.common.stores.postgres import Postgres
from libs.common.web.refusals import Refused
from services.api.accepting.domain.quota import Quota
from services.api.accepting.store import AcceptStore
from tests.support.chunks import new_phones
from tests.support.imports import insert_import
from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.uploads import acceptor, reading_pool, wish

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
QUOTA = Quota(rows=20, imports=100)


def clock(text: str) -> datetime:
    """Return that time of the day."""
    hours, minutes, seconds = map(int, text.split(":"))
    return NOON.replace(hour=hours, minute=minutes, second=seconds)


async def past(
    postgres: Postgres, tenant: Tenant, *, accepted_at: datetime, now: datetime, account_id: int | None = None
) -> list[int]:
    """Return the rows of each import that counts."""
    async with AcceptStore.transaction(postgres, tenant.company_id) as store:
        found = await store.last_hour(
            company_id=tenant.company_id, account_id=account_id or tenant.account_id, accepted_at=accepted_at, now=now
        )
    assert [each.created_at for each in found] == sorted(each.created_at for each in found)
    return [each.total_rows for each in found]


async def accepted(postgres: Postgres, tenant: Tenant, rows: int, at: datetime) -> int:
    return await insert_import(postgres, tenant, row_counts=[rows], name=unique("n"), accepted_at=at)


@pytest_asyncio.fixture
async def at_noon(postgres: Postgres, tenant: Tenant) -> None:
    """Four imports at 12:00:00 that use the hour up."""
    for _ in range(4):
        await accepted(postgres, tenant, 5, NOON)


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize(
    ("accepted_at", "now", "counted"),
    [
        ("12:59:45", "12:59:46", 4),
        ("12:59:45", "13:00:01", 4),  # it was read for 16 seconds: it is kept as of 12:59:45
        ("13:00:00", "13:00:01", 0),
        ("13:00:01", "13:00:01", 0),
        ("11:59:58", "12:00:01", 4),  # accepted before them, stored after them
    ],
)
async def test_an_upload_is_compared_with_the_hour_before_its_own_acceptance_however_long_it_was_read(
    postgres: Postgres, tenant: Tenant, accepted_at: str, now: str, counted: int
) -> None:
    found = await past(postgres, tenant, accepted_at=clock(accepted_at), now=clock(now))
    assert len(found) == counted


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(minutes=30), timedelta(hours=5), timedelta(days=9)])
async def test_an_import_dated_by_a_clock_that_had_jumped_ahead_counts_for_an_hour_and_locks_no_account_until_then(
    postgres: Postgres, tenant: Tenant, ahead: timedelta
) -> None:
    await accepted(postgres, tenant, 5, NOON + ahead)
    for offset, counts in (
        (-timedelta(seconds=1), False),
        (timedelta(0), True),
        (timedelta(minutes=59), True),
        (timedelta(minutes=60), False),
    ):
        now = NOON + ahead + offset
        assert await past(postgres, tenant, accepted_at=now, now=now) == [5] * counts


async def test_deleted_and_failed_imports_of_the_last_hour_count_and_older_ones_and_other_accounts_do_not(
    postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    for minutes, rows, columns in (
        (61, 100, "name = name"),
        (59, 10, "is_deleted = true"),
        (30, 20, "status = 'FAILED', total_errors = total_rows"),
        (1, 30, "name = name"),
    ):
        import_id = await accepted(postgres, tenant, rows, NOON - timedelta(minutes=minutes))
        await db.execute(f"UPDATE amigocare.lead_imports SET {columns} WHERE id = :i", i=import_id)
    assert await past(postgres, tenant, accepted_at=NOON, now=NOON) == [10, 20, 30]
    others = await past(postgres, tenant, accepted_at=NOON, now=NOON, account_id=tenant.other_account_id)
    assert others == []


async def test_an_upload_that_is_read_while_its_hour_ends_is_refused(
    crowd: Postgres, tenant: Tenant, tmp_path: Path, db: Stored
) -> None:
    """The imports of the hour before leave it while the file is read; the new one would be kept as of before."""
    reserve = AcceptStore.reserve

    async def sixteen_seconds_ago(self: AcceptStore) -> tuple[int, datetime]:
        import_id, accepted_at = await reserve(self)
        return import_id, accepted_at - timedelta(seconds=16)

    async with reading_pool(1) as pool:
        accepting = acceptor(crowd, pool, quota=QUOTA)
        await accepting.accept(wish(tenant, tmp_path, new_phones(QUOTA.rows)))
        await db.execute(
            "UPDATE amigocare.lead_imports SET created_at = now() - interval '1 hour 1 second' WHERE company_id = :c",
            c=tenant.company_id,
        )
        with patch.object(AcceptStore, "reserve", sixteen_seconds_ago), pytest.raises(Refused) as refused:
            await accepting.accept(wish(tenant, tmp_path, new_phones(1)))
        assert (refused.value.code, refused.value.retry_after) == ("quota_exceeded", 1)
        await accepting.accept(wish(tenant, tmp_path, new_phones(1)))
