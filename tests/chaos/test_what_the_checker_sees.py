"""Whatever the checker looks at is made wrong once, behind everybody's back: it must notice each of it."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from bson import ObjectId
from sqlalchemy import text

from libs.common.clock import utc_now
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.common.web.refusals import Refused
from libs.imports.chats import chats_of
from services.api.accepting.domain.quota import Quota
from services.api.accepting.store import AcceptStore
from tests.chaos.accepting import File, Row, accept
from tests.chaos.checker import ExpectedImport, Hourly, check
from tests.chaos.crew import run_scenario
from tests.chaos.shapes import CANCELED, SHAPES, UNDONE, Shape, customers_chat
from tests.support.platform import Tenant, create_tenant

Doctor = Callable[[Postgres, Mongo, Tenant], Awaitable[None]]

KNOWN = next(shape for shape in SHAPES if shape.name == "a patient and a chat are known")
"""Its rows: a patient's phone and a customer's, both held in the old form; and a new one, 11 99100-0003."""


def sql(statement: str) -> Doctor:
    """Return a doctor that runs a statement; ``:company`` and ``:other_account`` are the tenant's."""

    async def doctor(postgres: Postgres, mongo: Mongo, tenant: Tenant) -> None:
        values = {"company": tenant.company_id, "other_account": tenant.other_account_id}
        async with postgres.transaction() as connection:
            changed = await connection.execute(
                text(statement), {name: value for name, value in values.items() if f":{name}" in statement}
            )
            assert changed.rowcount > 0

    return doctor


def of_leads(change: str) -> Doctor:
    return sql(f"UPDATE amigocare.amigocare_leads SET {change} WHERE company_id = :company")


def of_imports(change: str) -> Doctor:
    return sql(f"UPDATE amigocare.lead_imports SET {change} AND company_id = :company")


def of_chats(query: dict[str, Any], change: dict[str, Any]) -> Doctor:
    async def doctor(postgres: Postgres, mongo: Mongo, tenant: Tenant) -> None:
        changed = await chats_of(mongo).update_many({"company_id": tenant.company_id} | query, {"$set": change})
        assert changed.modified_count > 0

    return doctor


async def another_company(postgres: Postgres, mongo: Mongo, tenant: Tenant) -> None:
    other = await create_tenant(postgres.engine)
    async with postgres.transaction() as connection:
        await connection.execute(
            text("UPDATE amigocare.lead_imports SET company_id = :other WHERE company_id = :company"),
            {"other": other.company_id, "company": tenant.company_id},
        )
        await connection.execute(
            text("UPDATE amigocare.amigocare_leads SET company_id = :other WHERE company_id = :company"),
            {"other": other.company_id, "company": tenant.company_id},
        )


async def a_chat_in_the_old_form(postgres: Postgres, mongo: Mongo, tenant: Tenant) -> None:
    await chats_of(mongo).insert_one(customers_chat(tenant, "1191000003"))


DOCTORED: dict[str, tuple[Doctor, str]] = {
    "a lead has another's name": (of_leads("name = 'Ana'"), "does not hold its row's name"),
    "a lead has no name": (of_leads("name = NULL"), "does not hold its row's name"),
    "a lead has another's CPF": (of_leads("cpf = '52998224725'"), "does not hold its row's CPF"),
    "a lead has lost its e-mail": (of_leads("email = NULL"), "does not hold its row's e-mail"),
    "a lead has another source": (
        of_leads("source_id = (SELECT max(id) FROM amigocare.lead_sources)"),
        "does not hold its row's source",
    ),
    "a lead is in another account": (
        of_leads("amigocare_messaging_account_id = :other_account"),
        "does not hold its row's account",
    ),
    "a lead is another company's": (another_company, "does not hold its row's company"),
    "a chat has another's name": (of_chats({"import_id": {"$gt": 0}}, {"name": "Ana"}), "holds something else"),
    "a chat is in another account": (of_chats({"import_id": {"$gt": 0}}, {"account_id": -1}), "holds something else"),
    "a patient is called a lead": (
        sql(
            "UPDATE amigocare.lead_import_rows SET reason = 'lead_exists' WHERE reason = 'patient_exists' AND import_id"
            " IN (SELECT id FROM amigocare.lead_imports WHERE company_id = :company)"
        ),
        "is called existing: lead_exists",
    ),
    "a chat is called a patient": (
        sql(
            "UPDATE amigocare.lead_import_rows SET reason = 'patient_exists' WHERE reason = 'chat_exists'"
            " AND import_id IN (SELECT id FROM amigocare.lead_imports WHERE company_id = :company)"
        ),
        "is called existing: patient_exists",
    ),
    "the chat that a row was said to have came later": (
        of_chats({"contact_cellphone": "11991000002"}, {"created_at": datetime.now(UTC) + timedelta(days=1)}),
        "is called existing: chat_exists",
    ),
    "a lead's phone had a chat before, in the old form": (a_chat_in_the_old_form, "was made though a chat"),
    "a phone has two chats, one in the old form": (a_chat_in_the_old_form, "2 chats of one phone"),
    "a lead's phone was a patient's, in the old form": (
        sql(
            "INSERT INTO amigocare.patients (company_id, contact_cellphone, contact_cellphone_dial_code,"
            " contact_cellphone_country_code) VALUES (:company, '1191000003', '55', 'BR')"
        ),
        "was made though a patient",
    ),
}


@pytest.mark.parametrize("fault", DOCTORED)
async def test_the_checker_sees_that(quick: tuple[Postgres, Mongo], fault: str) -> None:
    doctor, words = DOCTORED[fault]
    world, report = await run_scenario(*quick, KNOWN, {})
    assert report.kept, str(report)
    await doctor(*quick, world.tenant)
    report = await check(quick[0].engine, quick[1], world.expected, world.events, undone=world.undone)
    assert words in str(report)
    assert not report.kept


UNDONE_AGAIN, UNDONE_CANCELED = UNDONE
OF_THE_COMPANY = "import_id IN (SELECT id FROM amigocare.lead_imports WHERE company_id = :company)"
TAKEN_BACK = "company_id = :company AND destroyer_id IS NOT NULL"


async def a_chat_remains(postgres: Postgres, mongo: Mongo, tenant: Tenant) -> None:
    async with postgres.transaction() as connection:
        gone = await connection.execute(
            text(f"SELECT chat_id, id, import_id FROM amigocare.amigocare_leads WHERE {TAKEN_BACK} LIMIT 1"),
            {"company": tenant.company_id},
        )
        chat_id, lead_id, import_id = gone.one()
    chat = customers_chat(tenant, "11991000009") | {"_id": ObjectId(chat_id)}
    await chats_of(mongo).insert_one(chat | {"lead_id": lead_id, "import_id": import_id})


ENDED: dict[str, tuple[Shape, Doctor, str]] = {
    "a canceled import is said to have finished": (
        CANCELED[0],
        of_imports("failure_reason = NULL WHERE failure_reason = 'canceled'"),
        "and somebody canceled it",
    ),
    "an import is said to be canceled that is not": (
        KNOWN,
        of_imports("failure_reason = 'canceled' WHERE true"),
        "and nobody canceled it",
    ),
    "a row is canceled of an import that is not": (
        KNOWN,
        sql(
            "UPDATE amigocare.lead_import_rows SET outcome = 'error', reason = 'canceled'"
            f" WHERE reason = 'chat_exists' AND {OF_THE_COMPANY}"
        ),
        "ended as error: canceled",
    ),
    "more rows were canceled than it says": (
        CANCELED[0],
        of_imports("total_canceled = 1 WHERE total_canceled > 1"),
        "says that 1 rows were canceled",
    ),
    "a lead of an undone import lives": (
        UNDONE_CANCELED,
        sql(f"UPDATE amigocare.amigocare_leads SET is_deleted = false WHERE {TAKEN_BACK}"),
        "remains of import",
    ),
    "a lead of an undone import was deleted by nobody": (
        UNDONE_CANCELED,
        sql(f"UPDATE amigocare.amigocare_leads SET destroyer_id = NULL WHERE {TAKEN_BACK}"),
        "remains of import",
    ),
    "a chat of an undone import remains": (UNDONE_AGAIN, a_chat_remains, "the chat of lead"),
    "tags of an undone import remain": (
        UNDONE_AGAIN,
        sql(f"UPDATE amigocare.chat_tags SET is_deleted = false WHERE {TAKEN_BACK}"),
        "tags of lead",
    ),
    "a kept lead is not listed": (
        UNDONE_AGAIN,
        sql(f"DELETE FROM amigocare.lead_import_kept WHERE {OF_THE_COMPANY}"),
        "was used, and is not kept",
    ),
    "a lead is listed that nobody used": (
        UNDONE_AGAIN,
        sql(
            "INSERT INTO amigocare.lead_import_kept (import_id, lead_id, reason)"
            f" SELECT import_id, id, 'chat_changed' FROM amigocare.amigocare_leads WHERE {TAKEN_BACK}"
        ),
        "is kept, and nobody used it",
    ),
    "an undo counts wrongly": (
        UNDONE_AGAIN,
        sql(
            "UPDATE amigocare.lead_import_undos SET reversed = reversed - 1, failed = failed + 1"
            f" WHERE {OF_THE_COMPANY}"
        ),
        "was taken back as",
    ),
    "an undo does not end": (
        UNDONE_AGAIN,
        sql(f"UPDATE amigocare.lead_import_undos SET finished_at = NULL WHERE {OF_THE_COMPANY}"),
        "is still being taken back",
    ),
    "an import was undone that nobody wanted undone": (
        KNOWN,
        sql(
            "INSERT INTO amigocare.lead_import_undos (import_id, requester_id, total)"
            " SELECT id, creator_id, 0 FROM amigocare.lead_imports WHERE company_id = :company"
        ),
        "nobody had asked for it",
    ),
}


@pytest.mark.parametrize("fault", ENDED)
async def test_the_checker_sees_of_canceled_and_undone_imports_that(quick: tuple[Postgres, Mongo], fault: str) -> None:
    shape, doctor, words = ENDED[fault]
    world, report = await run_scenario(*quick, shape, {})
    assert report.kept, str(report)
    await doctor(*quick, world.tenant)
    report = await check(quick[0].engine, quick[1], world.expected, world.events, undone=world.undone)
    assert words in str(report)
    assert not report.kept


async def test_the_checker_sees_events_of_undos_that_are_lost_doubled_or_wrong(quick: tuple[Postgres, Mongo]) -> None:
    world, report = await run_scenario(*quick, UNDONE_AGAIN, {})
    assert report.kept, str(report)
    (seen,) = world.undone
    for events, words in (
        ([], "no event says so"),
        ([seen, replace(seen, ce_id="another")], "with several ids"),
        ([replace(seen, counts=(0, 0, 0))], "says something else"),
    ):
        report = await check(quick[0].engine, quick[1], world.expected, world.events, undone=events)
        assert words in str(report)


async def with_quota(postgres: Postgres, mongo: Mongo, quota: Quota) -> tuple[int, str]:
    """Upload six files of a row each at once; return how many were refused, and what the checker says."""
    tenant = await create_tenant(postgres.engine)
    rows = [[Row(f"1199100000{number}")] for number in range(1, 7)]
    files = [File(f"quota {uuid.uuid4()}", some, 1, [], quota) for some in rows]
    answers = await asyncio.gather(
        *(accept(postgres, tenant, file, clock=utc_now) for file in files), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    expected = [
        ExpectedImport(answer, tenant.company_id, tenant.account_id, tenant.source_id, {})
        for answer in answers
        if isinstance(answer, int)
    ]
    assert len(refused) + len(expected) == len(files), answers
    report = await check(postgres.engine, mongo, expected, None, hourly=Hourly(rows=quota.rows, imports=quota.imports))
    async with postgres.transaction() as connection:
        await connection.execute(
            text(
                "UPDATE amigocare.lead_imports SET status = 'FAILED',"
                " total_errors = total_rows - total_created - total_existing WHERE company_id = :company"
            ),
            {"company": tenant.company_id},
        )
    return len(refused), str(report)


@pytest.mark.parametrize("quota", [Quota(rows=1_000, imports=2), Quota(rows=3, imports=1_000)])
async def test_the_checker_sees_that_a_quota_was_not_locked(quick: tuple[Postgres, Mongo], quota: Quota) -> None:
    refused, report = await with_quota(*quick, quota)
    assert refused == 6 - min(quota.rows, quota.imports)
    assert "within an hour" not in report

    everybody, last_hour = asyncio.Barrier(6), AcceptStore.last_hour

    async def unlocked(self: AcceptStore, **account: int) -> None:
        return

    async def read_by_all_before_anybody_adds(self: AcceptStore, **account: Any) -> Any:
        found = await last_hour(self, **account)
        await everybody.wait()
        return found

    with (
        patch.object(AcceptStore, "lock_quota", unlocked),
        patch.object(AcceptStore, "last_hour", read_by_all_before_anybody_adds),
    ):
        refused, report = await with_quota(*quick, quota)
    assert not refused
    assert "6 imports of 6 rows within an hour" in report
