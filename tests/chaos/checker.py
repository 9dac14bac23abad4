"""The promise, checked from the databases and the finished events: nothing lost, doubled, unaccounted or stuck."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.stores.mongo import Mongo
from libs.fields.phone_forms import both_forms
from libs.imports.chats import chats_of


@dataclass(frozen=True, slots=True)
class ExpectedRow:
    """A row of an accepted file: its phone as it must be stored, and the names of its tags, the request's too."""

    country_code: str
    phone: str
    tags: frozenset[str] = frozenset()
    error: str | None = None
    """The reason code of the error that is a right end of this row."""


@dataclass(frozen=True, slots=True)
class ExpectedImport:
    """An import that was answered 202, by the row numbers that the spreadsheet shows."""

    import_id: int
    rows: Mapping[int, ExpectedRow]
    revision: int | None = 1
    """How often the import must have ended; None: as often as its repairs changed it."""


@dataclass(frozen=True, slots=True)
class FinishedSeen:
    """A finished event as Kafka's readers saw it."""

    import_id: int
    ce_id: str
    revision: int
    totals: tuple[int, int, int]


@dataclass(slots=True)
class Report:
    """What is wrong, in words; empty lists are the promise kept."""

    imports: int = 0
    rows: int = 0
    created: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unaccounted: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        return not (self.lost or self.doubled or self.unaccounted or self.stuck)

    def __str__(self) -> str:
        figures = (
            f"{self.imports} imports, {self.rows} rows ({self.created} created): {len(self.lost)} lost,"
            f" {len(self.doubled)} doubled, {len(self.unaccounted)} unaccounted, {len(self.stuck)} stuck"
        )
        return "\n".join([figures, *(self.lost + self.doubled + self.unaccounted + self.stuck)[:20]])


def row_of_chat(chat_id: str) -> int:
    """Return the row number that a deterministic chat id holds in its last four bytes."""
    return int(chat_id[16:], 16)


async def check(
    engine: AsyncEngine,
    mongo: Mongo,
    expected: Sequence[ExpectedImport],
    events: Sequence[FinishedSeen] | None,
) -> Report:
    """Hold what the stores have against what was accepted. ``events`` None: they are not looked at."""
    report = Report(imports=len(expected), rows=sum(len(each.rows) for each in expected))
    ids = [each.import_id for each in expected]
    state = await _read(engine, mongo, ids)
    for each in expected:
        _check_import(report, each, state)
    _check_phones(report, state)
    _check_orphans(report, state)
    if events is not None:
        _check_events(report, expected, state, events)
    return report


@dataclass(slots=True)
class _State:
    imports: dict[int, Mapping[str, Any]]
    unasked: list[int]
    """Imports of these companies that nobody was answered."""
    leads: dict[int, list[Mapping[str, Any]]]
    rows: dict[int, list[Mapping[str, Any]]]
    tags: dict[int, list[str]]
    chats: dict[str, Mapping[str, Any]]
    every_chat: list[dict[str, Any]]
    """Of these companies, the platform's own too."""
    unused_tags: list[Mapping[str, Any]]
    """Tags that imports made, linked to no chat, when no import is in progress that could still use them."""
    open_outbox: int
    holders: dict[tuple[int, int, str, str], set[int | None]]
    """The imports (None: the platform) of the leads and chats of (company, account, country code, phone)."""
    patients: set[tuple[int, str, str]]


def _phone_of(holder: Mapping[str, Any]) -> tuple[str, str]:
    return holder["contact_cellphone_country_code"], holder["contact_cellphone"]


async def _read(engine: AsyncEngine, mongo: Mongo, ids: list[int]) -> _State:
    companies = "SELECT company_id FROM amigocare.lead_imports WHERE id = ANY(:ids)"
    async with engine.connect() as connection:

        async def all_of(statement: str) -> list[Mapping[str, Any]]:
            return [dict(row) for row in (await connection.execute(text(statement), {"ids": ids})).mappings()]

        imports = await all_of("SELECT * FROM amigocare.lead_imports WHERE id = ANY(:ids)")
        unasked = await all_of(
            f"SELECT id FROM amigocare.lead_imports WHERE company_id IN ({companies}) AND id <> ALL(:ids)"
        )
        held = await all_of(
            "SELECT l.*, l.amigocare_messaging_account_id AS account_id FROM amigocare.amigocare_leads l"
            f" WHERE l.company_id IN ({companies})"
        )
        rows = await all_of("SELECT * FROM amigocare.lead_import_rows WHERE import_id = ANY(:ids)")
        tags = await all_of(
            "SELECT c.lead_id, lower(t.name) AS name, t.is_deleted FROM amigocare.chat_tags c"
            " JOIN amigocare.tags t ON t.id = c.tag_id JOIN amigocare.amigocare_leads l ON l.id = c.lead_id"
            " WHERE l.import_id = ANY(:ids) AND NOT c.is_deleted"
        )
        outbox = await all_of(
            "SELECT count(*) AS n FROM amigocare.outbox WHERE key = ANY(CAST(CAST(:ids AS int[]) AS text[]))"
        )
        unused_tags = await all_of(
            f"SELECT t.id FROM amigocare.tags t WHERE NOT t.is_deleted AND t.company_id IN ({companies})"
            " AND EXISTS (SELECT FROM amigocare.lead_import_tags m WHERE m.tag_id = t.id AND m.created_here)"
            " AND NOT EXISTS (SELECT FROM amigocare.chat_tags c WHERE c.tag_id = t.id AND NOT c.is_deleted)"
            " AND NOT EXISTS (SELECT FROM amigocare.lead_import_tags h JOIN amigocare.lead_imports i"
            " ON i.id = h.import_id WHERE h.tag_id = t.id AND i.status = 'PROCESSING')"
        )
        patients = await all_of(
            f"SELECT * FROM amigocare.patients WHERE deleted_at IS NULL AND company_id IN ({companies})"
        )
    chats = await chats_of(mongo).find({"company_id": {"$in": [row["company_id"] for row in imports]}}).to_list()
    imported = set(ids)
    holders: dict[tuple[int, int, str, str], set[int | None]] = defaultdict(set)
    for each in (*(lead for lead in held if not lead["is_deleted"]), *chats):
        holders[each["company_id"], each["account_id"], *_phone_of(each)].add(each.get("import_id"))
    return _State(
        imports={row["id"]: row for row in imports},
        unasked=[row["id"] for row in unasked],
        leads=_grouped([lead for lead in held if lead["import_id"] in imported], "import_id"),
        rows=_grouped(rows, "import_id"),
        tags={
            lead_id: ["(deleted)" if row["is_deleted"] else row["name"] for row in some]
            for lead_id, some in _grouped(tags, "lead_id").items()
        },
        every_chat=chats,
        unused_tags=unused_tags,
        chats={str(chat["_id"]): chat for chat in chats if chat.get("import_id") in imported},
        open_outbox=outbox[0]["n"],
        holders=holders,
        patients={(patient["company_id"], *_phone_of(patient)) for patient in patients},
    )


def _grouped(rows: Sequence[Mapping[str, Any]], key: str) -> dict[int, list[Mapping[str, Any]]]:
    groups: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return groups


def _check_import(report: Report, expected: ExpectedImport, state: _State) -> None:
    name = f"import {expected.import_id}"
    found = state.imports.get(expected.import_id)
    if found is None:
        report.lost.append(f"{name} is gone")
        return
    if found["status"] == "PROCESSING":
        report.stuck.append(f"{name} is still PROCESSING")
        return
    leads, rows = state.leads[expected.import_id], state.rows[expected.import_id]
    report.created += len(leads)
    outcomes = Counter(row["outcome"] for row in rows)
    stored = (len(leads), outcomes["existing"], outcomes["error"])
    totals = (found["total_created"], found["total_existing"], found["total_errors"])
    if stored != totals:
        report.unaccounted.append(f"{name} says {totals} and holds {stored}")
    ended = Counter([row_of_chat(lead["chat_id"]) for lead in leads] + [row["row_number"] for row in rows])
    for row in expected.rows.keys() - ended.keys():
        report.unaccounted.append(f"{name} row {row} ended as nothing")
    _check_settled(report, expected, found, state)
    for row, times in ended.items():
        if times > 1 or row not in expected.rows:
            report.unaccounted.append(f"{name} row {row} ended {times} times")
    for lead in leads:
        _check_lead(report, expected, lead, state)


def _check_settled(report: Report, expected: ExpectedImport, found: Mapping[str, Any], state: _State) -> None:
    name = f"import {expected.import_id}"
    for settled in state.rows[expected.import_id]:
        wanted = expected.rows.get(settled["row_number"])
        if wanted is None:
            continue  # said elsewhere
        if settled["outcome"] == "error" and settled["reason"] != wanted.error:
            report.lost.append(f"{name} row {settled['row_number']} ended as error: {settled['reason']}")
        if settled["outcome"] == "existing" and not _is_explained(settled, wanted, expected, found, state):
            report.lost.append(f"{name} row {settled['row_number']} is called existing: {settled['reason']}")


def _is_explained(
    settled: Mapping[str, Any],
    wanted: ExpectedRow,
    expected: ExpectedImport,
    found: Mapping[str, Any],
    state: _State,
) -> bool:
    """Tell whether somebody else has the phone: another row of the file, lead, contact or chat."""
    if settled["reason"] == "in_file":
        return any(
            number < settled["row_number"] and (row.country_code, row.phone) == (wanted.country_code, wanted.phone)
            for number, row in expected.rows.items()
        )
    account = found["company_id"], found["account_id"]
    forms = both_forms(wanted.country_code, wanted.phone)
    return any(
        (found["company_id"], wanted.country_code, form) in state.patients
        or state.holders[*account, wanted.country_code, form] - {expected.import_id}
        for form in forms
    )


def _check_lead(report: Report, expected: ExpectedImport, lead: Mapping[str, Any], state: _State) -> None:
    row = expected.rows.get(row_of_chat(lead["chat_id"]))
    name = f"lead {lead['id']} of import {expected.import_id}"
    if row is None or (lead["contact_cellphone_country_code"], lead["contact_cellphone"]) != (
        row.country_code,
        row.phone,
    ):
        report.lost.append(f"{name} does not hold its row's phone")
        return
    chat = state.chats.get(lead["chat_id"])
    if chat is None or chat["lead_id"] != lead["id"] or chat["contact_cellphone"] != row.phone:
        report.lost.append(f"{name} has no chat of its own")
    tags = Counter(state.tags.get(lead["id"], []))
    if set(tags) != {tag.lower() for tag in row.tags}:
        report.lost.append(f"{name} has the tags {sorted(tags)} instead of {sorted(row.tags)}")
    if any(times > 1 for times in tags.values()):
        report.doubled.append(f"{name} has a tag twice")


def _check_phones(report: Report, state: _State) -> None:
    phones = Counter(
        (
            lead["company_id"],
            lead["amigocare_messaging_account_id"],
            lead["contact_cellphone_country_code"],
            lead["contact_cellphone"],
        )
        for leads in state.leads.values()
        for lead in leads
        if not lead["is_deleted"]
    )
    report.doubled += [
        f"{times} leads of one phone in account {phone[1]}" for phone, times in phones.items() if times > 1
    ]
    chats = Counter(
        (chat["company_id"], chat["account_id"], chat["contact_cellphone_country_code"], chat["contact_cellphone"])
        for chat in state.every_chat
    )
    report.doubled += [
        f"{times} chats of one phone in account {phone[1]}" for phone, times in chats.items() if times > 1
    ]


def _check_orphans(report: Report, state: _State) -> None:
    report.doubled += [f"import {import_id} was answered to nobody" for import_id in state.unasked]
    chats_of_leads = {lead["chat_id"] for leads in state.leads.values() for lead in leads}
    report.lost += [f"chat {chat_id} has no lead" for chat_id in state.chats.keys() - chats_of_leads]
    report.unaccounted += [f"tag {tag['id']} was made and is used by nobody" for tag in state.unused_tags]
    if state.open_outbox:
        report.stuck.append(f"{state.open_outbox} events are still in the outbox")


def _check_events(
    report: Report, expected: Sequence[ExpectedImport], state: _State, events: Sequence[FinishedSeen]
) -> None:
    by_import: dict[int, list[FinishedSeen]] = defaultdict(list)
    for event in events:
        by_import[event.import_id].append(event)
    for each in expected:
        found = state.imports.get(each.import_id)
        if found is None or found["status"] == "PROCESSING":
            continue
        seen = by_import[each.import_id]
        name = f"import {each.import_id}"
        if not seen:
            report.lost.append(f"{name} has no finished event")
            continue
        ids = {(event.revision, event.ce_id) for event in seen}
        if len(ids) != len({revision for revision, _ in ids}) or len({ce_id for _, ce_id in ids}) != len(ids):
            report.doubled.append(f"{name} finished with several ids for one revision")
        if {revision for revision, _ in ids} != set(range(1, found["revision"] + 1)):
            report.doubled.append(f"{name} finished with revisions {sorted(ids)} and stands at {found['revision']}")
        if each.revision is not None and found["revision"] != each.revision:
            report.doubled.append(f"{name} ended {found['revision']} times")
        last = max(seen, key=lambda event: event.revision)
        if last.totals != (found["total_created"], found["total_existing"], found["total_errors"]):
            report.unaccounted.append(f"{name}: its last finished event says {last.totals}")
