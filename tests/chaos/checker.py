"""The promise, checked from the databases and the finished events: nothing lost, doubled, unaccounted or stuck."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.stores.mongo import Mongo
from tests.chaos.stored import Holder, Phone, Record, Stored, account_of, phone_of, read


@dataclass(frozen=True, slots=True)
class ExpectedRow:
    """A row of an accepted file as it must be stored, and the names of its tags, the request's too."""

    name: str
    country_code: str
    phone: str
    cpf: str | None = None
    email: str | None = None
    tags: frozenset[str] = frozenset()
    error: str | None = None
    """The reason code of the error that is a right end of this row."""


@dataclass(frozen=True, slots=True)
class ExpectedImport:
    """An import that was answered 202, by the row numbers that the spreadsheet shows."""

    import_id: int
    company_id: int
    account_id: int
    source_id: int
    rows: Mapping[int, ExpectedRow]
    revision: int | None = 1
    """How often the import must have ended; None: as often as its repairs changed it."""
    canceled: bool = False
    """Somebody was told that it will be canceled."""
    undone: bool = False
    """Somebody was told that it will be taken back."""
    touched: frozenset[str] | None = None
    """The ids of all chats that somebody used before it was taken back; None: that is not known."""
    perhaps: frozenset[str] = frozenset()
    """The ids of chats whose leads somebody may have changed: nobody answered him."""


@dataclass(frozen=True, slots=True)
class FinishedSeen:
    """A finished event as Kafka's readers saw it."""

    import_id: int
    ce_id: str
    revision: int
    totals: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class UndoneSeen:
    """An event of an undo as Kafka's readers saw it: ``counts`` are reversed, kept, failed."""

    import_id: int
    ce_id: str
    counts: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Hourly:
    """A quota: what an account may have accepted within an hour."""

    rows: int
    imports: int


HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Report:
    """What is wrong, in words; empty lists are the promise kept."""

    imports: int = 0
    rows: int = 0
    created: int = 0
    leads: int = 0
    """Of companies whose leads people worked on."""
    changes: int = 0
    """Of these leads, as the audit has them."""
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unaccounted: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        return not (self.lost or self.doubled or self.unaccounted or self.stuck)

    def __str__(self) -> str:
        worked_on = f", {self.leads} leads changed {self.changes} times" if self.leads else ""
        figures = (
            f"{self.imports} imports, {self.rows} rows ({self.created} created){worked_on}: {len(self.lost)} lost,"
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
    *,
    undone: Sequence[UndoneSeen] | None = None,
    hourly: Hourly | None = None,
    clocks_agree: bool = True,
) -> Report:
    """Hold what the stores have against what was accepted.

    ``events`` or ``undone`` None: they are not looked at. ``hourly``: the quota that each account must have been held
    to. ``clocks_agree`` False: a clock has jumped meanwhile, so that stored times do not say what came first.
    """
    report = Report(imports=len(expected), rows=sum(len(each.rows) for each in expected))
    state = await read(engine, mongo, [each.import_id for each in expected])
    for each in expected:
        _check_import(report, each, state, clocks_agree=clocks_agree)
    _check_phones(report, state)
    _check_orphans(report, state)
    if hourly is not None:
        _check_quota(report, hourly, state)
    if events is not None:
        _check_events(report, expected, state, events)
    if undone is not None:
        _check_undone_events(report, expected, state, undone)
    return report


def _check_import(report: Report, expected: ExpectedImport, state: Stored, *, clocks_agree: bool) -> None:
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
    _check_settled(report, expected, state, until=found["finished_at"] if clocks_agree else None)
    for row, times in ended.items():
        if times > 1 or row not in expected.rows:
            report.unaccounted.append(f"{name} row {row} ended {times} times")
    _check_end(report, expected, found, rows)
    staying = leads
    if expected.undone:
        staying = _staying(report, expected, leads, state)
    elif expected.import_id in state.undos:
        report.lost.append(f"{name} was taken back, and nobody had asked for it")
    for lead in staying:
        _check_lead(report, expected, lead, state)


def _check_end(report: Report, expected: ExpectedImport, found: Record, rows: Sequence[Record]) -> None:
    """An import that somebody canceled says so, and how many rows that concerned; no other one does."""
    name, reason = f"import {expected.import_id}", found["failure_reason"]
    if (reason == "canceled") != expected.canceled or (expected.canceled and found["status"] != "FAILED"):
        wish = "somebody canceled it" if expected.canceled else "nobody canceled it"
        report.lost.append(f"{name} ended {found['status']} ({reason}), and {wish}")
    canceled = sum(row["reason"] == "canceled" for row in rows)
    if found["total_canceled"] != canceled:
        report.unaccounted.append(
            f"{name} says that {found['total_canceled']} rows were canceled, and holds {canceled}"
        )


def _staying(report: Report, expected: ExpectedImport, leads: Sequence[Record], state: Stored) -> list[Record]:
    """Return the leads that stay of an import that was taken back: they are listed; nothing remains of the others."""
    name, undo = f"import {expected.import_id}", state.undos.get(expected.import_id)
    if undo is None or undo["finished_at"] is None:
        report.stuck.append(f"{name} is still being taken back")
        return []
    kept = state.kept.get(expected.import_id, {})
    failed = sum(reason == "phone_taken" for reason in kept.values())
    gone = [lead for lead in leads if lead["id"] not in kept]
    counts = (undo["total"], undo["reversed"], undo["kept"], undo["failed"])
    if counts != (len(leads), len(gone), len(kept) - failed, failed):
        report.unaccounted.append(f"{name} was taken back as {counts}, of {len(leads)} leads {len(kept)} stayed")
    for lead in gone:
        if not lead["is_deleted"] or lead["destroyer_id"] is None:
            report.lost.append(f"lead {lead['id']} remains of {name}, which was taken back")
        if lead["chat_id"] in state.chats:
            report.lost.append(f"the chat of lead {lead['id']} remains of {name}, which was taken back")
        if state.tags.get(lead["id"]):
            report.lost.append(f"tags of lead {lead['id']} remain of {name}, which was taken back")
    if expected.touched is not None:
        used = {lead["id"] for lead in leads if lead["chat_id"] in expected.touched}
        used_perhaps = {lead["id"] for lead in leads if lead["chat_id"] in expected.perhaps}
        unused = kept.keys() - used - used_perhaps
        report.lost += [f"lead {each} of {name} was used, and is not kept" for each in sorted(used - kept.keys())]
        report.lost += [f"lead {each} of {name} is kept, and nobody used it" for each in sorted(unused)]
    return [lead for lead in leads if kept.get(lead["id"]) not in {None, "lead_deleted", "phone_taken"}]


def _check_settled(report: Report, expected: ExpectedImport, state: Stored, *, until: datetime | None) -> None:
    for settled in state.rows[expected.import_id]:
        wanted = expected.rows.get(settled["row_number"])
        if wanted is None:
            continue  # said elsewhere
        name = f"import {expected.import_id} row {settled['row_number']}"
        right = {wanted.error, "canceled"} if expected.canceled else {wanted.error}
        if settled["outcome"] == "error" and settled["reason"] not in right:
            report.lost.append(f"{name} ended as error: {settled['reason']}")
        if settled["outcome"] == "existing" and not _is_true(settled, wanted, expected, state, until):
            report.lost.append(f"{name} is called existing: {settled['reason']}")


def _is_true(
    settled: Record, wanted: ExpectedRow, expected: ExpectedImport, state: Stored, until: datetime | None
) -> bool:
    """Tell whether the reason was true when the import ended: of this phone, and of who has it since when."""
    reason, phone = settled["reason"], (wanted.country_code, wanted.phone)
    accepted_at = state.imports[expected.import_id]["created_at"]
    if reason == "in_file":
        earlier = [row for number, row in expected.rows.items() if number < settled["row_number"]]
        return any((row.country_code, row.phone) == phone for row in earlier)
    if reason == "patient_exists":
        return state.is_patients(expected.company_id, phone)
    kind = {"lead_exists": "lead", "chat_exists": "chat"}[reason]
    return any(
        each.kind == kind
        and each.import_id != expected.import_id
        and (until is None or (each.since <= until and (each.until is None or each.until >= accepted_at)))
        for each in state.holders_of((expected.company_id, expected.account_id), phone)
    )


def _check_lead(report: Report, expected: ExpectedImport, lead: Record, state: Stored) -> None:
    row = expected.rows.get(row_of_chat(lead["chat_id"]))
    name = f"lead {lead['id']} of import {expected.import_id}"
    if row is None or phone_of(lead) != (row.country_code, row.phone):
        report.lost.append(f"{name} does not hold its row's phone")
        return
    for what, stored, wanted in (
        ("name", lead["name"], row.name),
        ("CPF", lead["cpf"], row.cpf),
        ("e-mail", lead["email"], row.email),
        ("source", lead["source_id"], expected.source_id),
        ("company", lead["company_id"], expected.company_id),
        ("account", lead["account_id"], expected.account_id),
    ):
        if stored != wanted:
            report.lost.append(f"{name} does not hold its row's {what}")
    chat = state.chats.get(lead["chat_id"])
    if chat is None or chat["lead_id"] != lead["id"]:
        report.lost.append(f"{name} has no chat of its own")
    elif (chat["name"], *account_of(chat), *phone_of(chat)) != (row.name, *account_of(lead), *phone_of(lead)):
        report.lost.append(f"the chat of {name} holds something else")
    known = _known_before(expected, lead, state)
    if known:
        report.doubled.append(f"{name} was made though {known} had its phone")
    tags = Counter(state.tags.get(lead["id"], []))
    if set(tags) != {tag.lower() for tag in row.tags}:
        report.lost.append(f"{name} has the tags {sorted(tags)} instead of {sorted(row.tags)}")
    if any(times > 1 for times in tags.values()):
        report.doubled.append(f"{name} has a tag twice")


def _known_before(expected: ExpectedImport, lead: Record, state: Stored) -> str | None:
    """Return who had the phone, in one of its forms, when the import was accepted."""
    if state.is_patients(expected.company_id, phone_of(lead)):
        return "a patient"

    def is_older(each: Holder) -> bool:
        return each.import_id is None and each.since <= state.imports[expected.import_id]["created_at"]

    return next(
        (f"a {each.kind}" for each in state.holders_of(account_of(lead), phone_of(lead)) if is_older(each)), None
    )


def _one_form(phone: Phone) -> Phone:
    """Return a phone with its ninth digit, also when it is stored without: both are one person's."""
    country_code, national = phone
    is_old_mobile = country_code == "BR" and len(national) == 10 and national[2] in "6789"
    return (country_code, national[:2] + "9" + national[2:]) if is_old_mobile else phone


def _check_phones(report: Report, state: Stored) -> None:
    leads = [lead for leads in state.leads.values() for lead in leads if not lead["is_deleted"]]
    for what, holders in (("leads", leads), ("chats", state.every_chat)):
        phones = Counter((account_of(each), _one_form(phone_of(each))) for each in holders)
        report.doubled += [
            f"{times} {what} of one phone in account {account[1]}"
            for (account, _), times in phones.items()
            if times > 1
        ]


def _check_quota(report: Report, hourly: Hourly, state: Stored) -> None:
    """Within any hour no account may have had more accepted than its quota."""
    accounts: dict[tuple[int, int], list[Record]] = defaultdict(list)
    for each in state.every_import:
        accounts[account_of(each)].append(each)
    for account, imports in accounts.items():
        for last in imports:
            hour = [each for each in imports if timedelta(0) <= last["created_at"] - each["created_at"] < HOUR]
            rows = sum(each["total_rows"] for each in hour)
            if rows > hourly.rows or len(hour) > hourly.imports:
                report.doubled.append(f"account {account[1]} had {len(hour)} imports of {rows} rows within an hour")


def _check_orphans(report: Report, state: Stored) -> None:
    unasked = [each["id"] for each in state.every_import if each["id"] not in state.imports]
    report.doubled += [f"import {import_id} was answered to nobody" for import_id in unasked]
    chats_of_leads = {lead["chat_id"] for leads in state.leads.values() for lead in leads}
    report.lost += [f"chat {chat_id} has no lead" for chat_id in state.chats.keys() - chats_of_leads]
    report.unaccounted += [f"tag {tag['id']} was made and is used by nobody" for tag in state.unused_tags]
    if state.open_outbox:
        report.stuck.append(f"{state.open_outbox} events are still in the outbox")


def _check_events(
    report: Report, expected: Sequence[ExpectedImport], state: Stored, events: Sequence[FinishedSeen]
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


def _check_undone_events(
    report: Report, expected: Sequence[ExpectedImport], state: Stored, events: Sequence[UndoneSeen]
) -> None:
    by_import: dict[int, list[UndoneSeen]] = defaultdict(list)
    for event in events:
        by_import[event.import_id].append(event)
    for each in expected:
        name, seen, undo = f"import {each.import_id}", by_import[each.import_id], state.undos.get(each.import_id)
        if undo is None or undo["finished_at"] is None:
            continue  # said elsewhere
        if not seen:
            report.lost.append(f"{name} was taken back, and no event says so")
        if len({event.ce_id for event in seen}) > 1:
            report.doubled.append(f"{name} was taken back with several ids")
        counts = (undo["reversed"], undo["kept"], undo["failed"])
        if any(event.counts != counts for event in seen):
            report.unaccounted.append(f"{name}: the event of its undo says something else than {counts}")
