"""The promise of leads: what was acknowledged is stored once, written down once and said once, and nothing else is."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tests.chaos.checker import Report
from tests.chaos.lead_ledger import TOPICS, LeadNews, Ledger
from tests.chaos.stored import Record

SAID_AS_CHANGED = ("edit", "assign", "convert")
"""Actions of the audit that ``lead:changed`` is said of."""

_LEADS = """
    SELECT l.id, l.public_id::text AS lead, l.email, l.status, l.version, l.is_deleted, l.opportunity_id::text,
           c.name AS channel
    FROM amigocare.amigocare_leads l JOIN amigocare.lead_channels c ON c.id = l.channel_id WHERE l.company_id = :c
"""
_ACTIVITIES = "SELECT lead_id, activity_type, description FROM crm.lead_activities WHERE company_id = :c"
_AUDIT = "SELECT lead_id, action, before, after FROM crm.audit_log WHERE company_id = :c ORDER BY id"
_LISTS = "SELECT id::text, lead_count FROM crm.lead_lists WHERE company_id = :c"
_MEMBERS = "SELECT list_id::text, lead_id FROM crm.lead_list_members WHERE company_id = :c"
_OPPORTUNITIES = "SELECT id::text, lead_id FROM crm.opportunities WHERE company_id = :c"
_OUTBOX = """
    SELECT count(*) AS n FROM amigocare.outbox WHERE topic = ANY(:topics)
    AND key IN (SELECT public_id::text FROM amigocare.amigocare_leads WHERE company_id = :c)
"""


@dataclass(slots=True)
class StoredLeads:
    """All that is stored of a company's leads, by the id of the row."""

    leads: dict[int, Record]
    activities: dict[int, list[Record]]
    audit: dict[int, list[Record]]
    lists: dict[str, int]
    members: dict[str, set[int]]
    opportunities: dict[int, list[str]]
    open_outbox: int


async def read_leads(engine: AsyncEngine, company_id: int) -> StoredLeads:
    """Read it in one go, as it was at one moment: services may be at work."""

    async def rows(connection: AsyncConnection, statement: str, **values: Any) -> list[Record]:
        found = await connection.execute(text(statement), {"c": company_id} | values)
        return [dict(row) for row in found.mappings()]

    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        stored = StoredLeads(
            leads={each["id"]: each for each in await rows(connection, _LEADS)},
            activities=defaultdict(list),
            audit=defaultdict(list),
            lists={each["id"]: each["lead_count"] for each in await rows(connection, _LISTS)},
            members=defaultdict(set),
            opportunities=defaultdict(list),
            open_outbox=(await rows(connection, _OUTBOX, topics=list(TOPICS)))[0]["n"],
        )
        for each in await rows(connection, _ACTIVITIES):
            stored.activities[each["lead_id"]].append(each)
        for each in await rows(connection, _AUDIT):
            stored.audit[each["lead_id"]].append(each)
        for each in await rows(connection, _MEMBERS):
            stored.members[each["list_id"]].add(each["lead_id"])
        for each in await rows(connection, _OPPORTUNITIES):
            stored.opportunities[each["lead_id"]].append(each["id"])
    return stored


async def check_leads(engine: AsyncEngine, report: Report, ledger: Ledger, news: LeadNews) -> None:
    """Hold what is stored of a company's leads, and what was said of them, against what people were told."""
    stored = await read_leads(engine, ledger.company_id)
    if stored.open_outbox:
        report.stuck.append(f"{stored.open_outbox} events of leads are still in the outbox")
    _check_captures(report, ledger, stored)
    for lead in stored.leads.values():
        _check_beginning(report, lead, stored, news)
        _check_way(report, lead, stored)
        _check_opportunities(report, ledger, lead, stored)
        _check_events(report, lead, stored.audit[lead["id"]], news)
    _check_audit(report, ledger, stored)
    _check_marks(report, ledger, stored)
    _check_lists(report, ledger, stored)
    known = {each["lead"] for each in stored.leads.values()}
    strays = {lead for lead, company in news.companies.items() if company == ledger.company_id} - known
    report.unaccounted += [f"an event tells of lead {lead}, which is not there" for lead in sorted(strays)]
    report.leads += len(stored.leads)
    report.changes += sum(len(each) for each in stored.audit.values())


def _check_captures(report: Report, ledger: Ledger, stored: StoredLeads) -> None:
    """Each person who was answered is one lead; who was not is asked again until he is."""
    by_email: dict[str, list[str]] = defaultdict(list)
    for lead in stored.leads.values():
        if lead["channel"] == "FORM":
            by_email[lead["email"]].append(lead["lead"])
    for email, answered in ledger.captured.items():
        found = by_email.pop(email, [])
        if answered not in found:
            report.lost.append(f"the capture of lead {answered} is not stored")
        if len(found) > 1:
            report.doubled.append(f"the capture of lead {answered} is stored {len(found)} times")
    report.unaccounted += [
        f"lead {each} came by the form, and nobody sent it" for some in by_email.values() for each in some
    ]


def _check_beginning(report: Report, lead: Record, stored: StoredLeads, news: LeadNews) -> None:
    """One entry and one event say that it was made; of a lead that was taken back at once perhaps none."""
    name = f"lead {lead['lead']}"
    entries = sum(each["activity_type"] == "created" for each in stored.activities[lead["id"]])
    events = len(news.created.get(lead["lead"], {}))
    must = lead["channel"] == "FORM" or not lead["is_deleted"]
    for what, times in (("entry", entries), ("event", events)):
        if must and not times:
            report.lost.append(f"{name} has no {what} that says it was created")
        if times > 1:
            report.doubled.append(f"{name} has {times} {what} that say it was created")
    if events and not entries:
        report.unaccounted.append(f"an event says that {name} was created, and its history does not")


def _check_audit(report: Report, ledger: Ledger, stored: StoredLeads) -> None:
    """What was acknowledged is in the audit once, and nothing is there that nobody asked for."""
    written = Counter(
        (stored.leads[lead_id]["lead"], each["action"]) for lead_id, some in stored.audit.items() for each in some
    )
    for lead, action in sorted(written.keys() | ledger.done.keys() | ledger.unsure.keys()):
        found, least = written[lead, action], ledger.done[lead, action]
        most = least + ledger.unsure[lead, action]
        if found < least:
            report.lost.append(f"lead {lead}: {least} times {action} were acknowledged, {found} written down")
        if found > most:
            report.doubled.append(f"lead {lead}: {most} times {action} were asked for, {found} written down")


def _check_way(report: Report, lead: Record, stored: StoredLeads) -> None:
    """Its audit leads from the lead as it was made to what it is."""
    name, audit = f"lead {lead['lead']}", stored.audit[lead["id"]]
    if lead["version"] != 1 + len(audit):
        report.unaccounted.append(f"{name} is version {lead['version']} after {len(audit)} changes")
    status, moves = "new", [each for each in audit if each["action"] == "status"]
    for each in moves:
        if each["before"]["status"] != status:
            report.lost.append(f"{name} moved from {each['before']['status']}, and stood at {status}")
        status = each["after"]["status"]
    if lead["status"] != status:
        report.lost.append(f"{name} stands at {lead['status']}, and was moved to {status}")
    entries = sum(each["activity_type"] == "status_changed" for each in stored.activities[lead["id"]])
    if entries != len(moves):
        report.unaccounted.append(f"{name} has {entries} moves in its history, {len(moves)} in its audit")


def _check_opportunities(report: Report, ledger: Ledger, lead: Record, stored: StoredLeads) -> None:
    """A lead became one opportunity at most: the one that everybody was told of."""
    name, made = f"lead {lead['lead']}", stored.opportunities[lead["id"]]
    times = sum(each["action"] == "convert" for each in stored.audit[lead["id"]])
    if (times, [lead["opportunity_id"]] * times) != (len(made), made) or times > 1:
        report.doubled.append(f"{name} was converted {times} times into {len(made)} opportunities")
    if ledger.opportunities.get(lead["lead"], set()) - set(made):
        report.lost.append(f"an opportunity that {name} was said to have become is not there")


def _check_events(report: Report, lead: Record, audit: list[Record], news: LeadNews) -> None:
    """Each change is said once, and nothing is said that is none."""
    name = f"lead {lead['lead']}"
    moves = Counter((each["before"]["status"], each["after"]["status"]) for each in audit if each["action"] == "status")
    versions = Counter(2 + place for place, each in enumerate(audit) if each["action"] in SAID_AS_CHANGED)
    ends = Counter([False] * lead["is_deleted"])
    for what, facts, events in (
        ("status", moves, news.moved),
        ("change", versions, news.changed),
        ("end", ends, news.deleted),
    ):
        said: Counter[Any] = Counter(events.get(lead["lead"], {}).values())
        if facts - said:
            report.lost.append(f"{name}: no event says of its {what} {dict(facts - said)}")
        if said - facts:
            report.unaccounted.append(f"{name}: an event says of its {what} {dict(said - facts)}, which is no fact")


def _check_marks(report: Report, ledger: Ledger, stored: StoredLeads) -> None:
    """What people wrote is in the history of that lead, once."""
    found: Counter[tuple[str, str]] = Counter()
    for lead_id, entries in stored.activities.items():
        lead = stored.leads[lead_id]["lead"]
        found.update((lead, each["description"].rpartition(": ")[2]) for each in entries)
    for what, marks in (("move", ledger.moves), ("note", ledger.notes)):
        for mark, lead in marks.items():
            if not found[lead, mark]:
                report.lost.append(f"lead {lead}: an acknowledged {what} is not in its history")
            if found[lead, mark] > 1:
                report.doubled.append(f"lead {lead}: a {what} is in its history {found[lead, mark]} times")


def _check_lists(report: Report, ledger: Ledger, stored: StoredLeads) -> None:
    """A list counts whom it has; whoever was put in and lives is in it, and nobody who was deleted."""
    for list_id, count in stored.lists.items():
        members = stored.members[list_id]
        if count != len(members):
            report.unaccounted.append(f"list {list_id} counts {count} leads and has {len(members)}")
        report.lost += [
            f"lead {stored.leads[each]['lead']} is deleted and in a list"
            for each in sorted(members)
            if stored.leads[each]["is_deleted"]
        ]
    members = stored.members[ledger.list_id]
    report.lost += [
        f"lead {each['lead']} was put into a list, and is not in it"
        for each in stored.leads.values()
        if each["lead"] in ledger.listed and not each["is_deleted"] and each["id"] not in members
    ]
