"""Whatever the checker looks at of leads that people work on is made wrong once: it must notice each of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import LeadStatus
from services.leads.capturing.domain import CaptureBody, captured
from services.leads.capturing.store import CaptureStore
from services.leads.changing.store import ChangeStore
from services.leads.converting.domain import ConvertBody
from services.leads.converting.store import ConversionStore
from services.leads.deleting.store import DeletionStore
from services.leads.domain.client_address import read_networks
from services.leads.editing.store import EditStore
from services.leads.grouping.store import GroupStore
from services.leads.recording.store import Actor
from tests.chaos.checker import Report
from tests.chaos.lead_checker import check_leads
from tests.chaos.lead_ledger import LeadNews, Ledger
from tests.chaos.test_what_the_checker_sees import Doctor, sql
from tests.support.platform import Tenant, create_tenant

(ADDRESS,) = read_networks("203.0.113.7/32")
SOURCE = "chaos"


@dataclass(frozen=True, slots=True)
class Office:
    """A company whose leads were worked on, rightly: two that live, and one that was deleted."""

    tenant: Tenant
    ledger: Ledger
    news: LeadNews
    worked_on: str
    deleted: str


async def at_work(postgres: Postgres, mongo: Mongo) -> Office:
    tenant = await create_tenant(postgres.engine)
    actor = Actor(tenant.company_id, tenant.user_id)
    capturing, changing = CaptureStore(postgres, source=SOURCE), ChangeStore(postgres, source=SOURCE)
    converting, grouping = ConversionStore(postgres, source=SOURCE), GroupStore(postgres)
    listed = await grouping.make(actor, "Feira", None)
    ledger = Ledger(tenant.company_id, str(listed["id"]))
    made = []
    for name in ("ana", "bia", "caio"):
        lead = captured(CaptureBody(name=name, email=f"{name}@example.com"))
        found, _ = await capturing.capture(tenant.company_id, lead, ADDRESS)
        ledger.captured[lead.email] = str(found.id)
        made.append(found.id)
    first, second, gone = made
    await changing.move(actor, first, LeadStatus.CONTACTED, "mark", None)
    await changing.move(actor, first, LeadStatus.QUALIFIED, None, None)
    await changing.assign(actor, first, tenant.other_user_id)
    await changing.add_activity(actor, first, "note_added", "Called: another")
    await EditStore(postgres, source=SOURCE).edit(actor, first, {"notes": "x"}, {})
    stages = (await converting.pipelines(tenant.company_id))[0]["stages"]
    opportunity = await converting.convert(actor, first, ConvertBody(stage_id=stages[0]["id"], title="x"))
    assert opportunity is not None
    await grouping.add(tenant.company_id, listed["id"], [first, second])
    assert await DeletionStore(postgres, mongo, source=SOURCE).delete(actor, gone)
    worked_on = str(first)
    ledger.moves["mark"], ledger.notes["another"] = worked_on, worked_on
    ledger.done.update({(worked_on, "status"): 2, (worked_on, "edit"): 1, (worked_on, "assign"): 1})
    ledger.done.update([(worked_on, "convert"), (str(gone), "delete")])
    ledger.opportunities[worked_on] = {str(opportunity["id"])}
    ledger.listed = {worked_on, str(second)}
    return Office(tenant, ledger, await said(postgres, made), worked_on, str(gone))


async def said(postgres: Postgres, leads: list[Any]) -> LeadNews:
    """Take what was said of these leads out of the outbox."""
    news = LeadNews()
    async with postgres.transaction() as connection:
        found = await connection.execute(
            text("DELETE FROM amigocare.outbox WHERE key = ANY(:keys) RETURNING topic, headers->>'ce_id', payload"),
            {"keys": [str(each) for each in leads]},
        )
        for topic, ce_id, payload in found:
            news.add(topic, [(ce_id, payload)])
    return news


async def findings(postgres: Postgres, office: Office) -> Report:
    report = Report()
    await check_leads(postgres.engine, report, office.ledger, office.news)
    return report


IN_COMPANY = "company_id = :company"
THE_AUDIT = f"FROM crm.audit_log WHERE {IN_COMPANY} AND action"

STORED: dict[str, tuple[Doctor, str]] = {
    "a lead's beginning is in no history": (
        sql(f"DELETE FROM crm.lead_activities WHERE {IN_COMPANY} AND activity_type = 'created'"),
        "has no entry that says it was created",
    ),
    "a capture is stored under another address": (
        sql(f"UPDATE amigocare.amigocare_leads SET email = 'x@example.com' WHERE {IN_COMPANY} AND email LIKE 'ana@%'"),
        "is not stored",
    ),
    "a capture is stored twice": (
        sql(
            f"UPDATE amigocare.amigocare_leads SET email = 'bia@example.com' WHERE {IN_COMPANY} AND email LIKE 'ana@%'"
        ),
        "is stored 2 times",
    ),
    "an edit is not in the audit": (sql(f"DELETE {THE_AUDIT} = 'edit'"), "1 times edit were acknowledged, 0 written"),
    "an edit is twice in the audit": (
        sql(
            "INSERT INTO crm.audit_log (company_id, lead_id, action, before, after)"
            f" SELECT company_id, lead_id, action, before, after {THE_AUDIT} = 'edit'"
        ),
        "1 times edit were asked for, 2 written",
    ),
    "a change was asked for by nobody": (
        sql(f"UPDATE crm.audit_log SET action = 'erase' WHERE {IN_COMPANY} AND action = 'edit'"),
        "0 times erase were asked for",
    ),
    "a change did not count": (
        sql(f"UPDATE amigocare.amigocare_leads SET version = 2 WHERE {IN_COMPANY} AND version > 2"),
        "is version 2 after",
    ),
    "a move came from where the lead did not stand": (
        sql(
            f"""UPDATE crm.audit_log SET before = '{{"status": "new"}}' WHERE {IN_COMPANY}"""
            """ AND after = '{"status": "qualified"}'"""
        ),
        "moved from new, and stood at contacted",
    ),
    "a lead stands where nobody moved it": (
        sql(f"UPDATE amigocare.amigocare_leads SET status = 'proposal' WHERE {IN_COMPANY} AND status = 'qualified'"),
        "stands at proposal, and was moved to qualified",
    ),
    "a move is in no history": (
        sql(f"DELETE FROM crm.lead_activities WHERE {IN_COMPANY} AND description LIKE '%mark'"),
        "an acknowledged move is not in its history",
    ),
    "a note is in no history": (
        sql(f"DELETE FROM crm.lead_activities WHERE {IN_COMPANY} AND activity_type = 'note_added'"),
        "an acknowledged note is not in its history",
    ),
    "an opportunity is gone": (
        sql(f"DELETE FROM crm.opportunities WHERE {IN_COMPANY}"),
        "was said to have become is not there",
    ),
    "a list counts one too many": (
        sql(f"UPDATE crm.lead_lists SET lead_count = lead_count + 1 WHERE {IN_COMPANY}"),
        "counts 3 leads and has 2",
    ),
    "a lead has left its list": (
        sql(f"DELETE FROM crm.lead_list_members WHERE {IN_COMPANY}"),
        "was put into a list, and is not in it",
    ),
    "a deleted lead is in a list": (
        sql(
            "INSERT INTO crm.lead_list_members (list_id, lead_id, company_id) SELECT list.id, l.id, l.company_id"
            " FROM amigocare.amigocare_leads l JOIN crm.lead_lists list USING (company_id)"
            f" WHERE l.{IN_COMPANY} AND l.is_deleted"
        ),
        "is deleted and in a list",
    ),
    "an event is not sent": (
        sql(
            "INSERT INTO amigocare.outbox (topic, key, headers, payload)"
            " SELECT 'lead.changed.v1', public_id::text, '{}', ''"
            f" FROM amigocare.amigocare_leads WHERE {IN_COMPANY}"
        ),
        "events of leads are still in the outbox",
    ),
}


@pytest.mark.parametrize("fault", STORED)
async def test_the_checker_sees_of_leads_that(quick: tuple[Postgres, Mongo], fault: str) -> None:
    doctor, words = STORED[fault]
    office = await at_work(*quick)
    report = await findings(quick[0], office)
    assert report.kept, str(report)
    assert (report.leads, report.changes) == (3, 6)
    await doctor(*quick, office.tenant)
    report = await findings(quick[0], office)
    assert words in str(report)
    assert not report.kept


def forget(what: str, which: str = "worked_on") -> Callable[[Office], None]:
    return lambda office: getattr(office.news, what).pop(getattr(office, which)).clear()


def say(what: str, body: Any) -> Callable[[Office], None]:
    return lambda office: getattr(office.news, what)[office.worked_on].update({"another id": body})


def tell_of_a_stranger(office: Office) -> None:
    office.news.companies["a stranger"] = office.tenant.company_id


def take_a_form_that_nobody_sent(office: Office) -> None:
    office.ledger.captured.pop("bia@example.com")


SAID: dict[str, tuple[Callable[[Office], None], str]] = {
    "no event says that a lead was created": (forget("created"), "has no event that says it was created"),
    "two events say that a lead was created": (say("created", "FORM"), "has 2 event that say it was created"),
    "no event says of a move": (forget("moved"), "no event says of its status"),
    "an event says of a move that was none": (say("moved", ("new", "proposal")), "which is no fact"),
    "an event says of a move twice": (say("moved", ("new", "contacted")), "which is no fact"),
    "no event says of a change": (forget("changed"), "no event says of its change"),
    "an event says of a change that was none": (say("changed", 99), "which is no fact"),
    "no event says of an end": (forget("deleted", "deleted"), "no event says of its end"),
    "an event says of an end that was none": (say("deleted", False), "which is no fact"),
    "an event tells of a lead that is not there": (tell_of_a_stranger, "lead a stranger, which is not there"),
    "a form was sent by nobody": (take_a_form_that_nobody_sent, "came by the form, and nobody sent it"),
}


@pytest.mark.parametrize("fault", SAID)
async def test_the_checker_sees_of_what_is_said_of_leads_that(quick: tuple[Postgres, Mongo], fault: str) -> None:
    doctor, words = SAID[fault]
    office = await at_work(*quick)
    doctor(office)
    report = await findings(quick[0], office)
    assert words in str(report)
    assert not report.kept
