"""What the stores hold of some imports and their companies, read in one go for the checker."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.stores.mongo import Mongo
from libs.fields.phone_forms import both_forms
from libs.imports.chats import chats_of

Record = Mapping[str, Any]
Account = tuple[int, int]
"""Company and account."""
Phone = tuple[str, str]
"""Country code and national number."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A lead or a chat that has a phone in an account."""

    kind: str
    import_id: int | None
    """None: the platform's own."""
    since: datetime
    until: datetime | None = None
    """When it was taken back with its import."""


@dataclass(slots=True)
class Stored:
    """What ``read`` found. Groups by import are empty for an import that has none."""

    imports: dict[int, Record]
    every_import: list[Record]
    """Of these companies, in order of acceptance, those that nobody was answered too."""
    leads: dict[int, list[Record]]
    rows: dict[int, list[Record]]
    tags: dict[int, list[str]]
    """Names of the tags of a lead."""
    chats: dict[str, Record]
    """Those of the imports, by id."""
    every_chat: list[Record]
    """Of these companies, the platform's own too."""
    unused_tags: list[Record]
    """Tags that imports made, linked to no chat, when no import is in progress that could still use them."""
    open_outbox: int
    undos: dict[int, Record]
    kept: dict[int, dict[int, str]]
    """Of an import that was taken back: why which lead stayed, by its id."""
    holders: dict[tuple[Account, str, str], list[Holder]]
    """Who has a phone of an account, in the form in which it is stored."""
    patients: set[tuple[int, str, str]]
    """Company, country code, phone."""

    def holders_of(self, account: Account, phone: Phone) -> list[Holder]:
        """Return who has the phone in any of its forms."""
        return [each for form in both_forms(*phone) for each in self.holders[account, phone[0], form]]

    def is_patients(self, company_id: int, phone: Phone) -> bool:
        return any((company_id, phone[0], form) in self.patients for form in both_forms(*phone))


_COMPANIES = "SELECT company_id FROM amigocare.lead_imports WHERE id = ANY(:ids)"
_IMPORTS = f"SELECT * FROM amigocare.lead_imports WHERE company_id IN ({_COMPANIES}) ORDER BY created_at, id"
_LEADS = (
    "SELECT l.*, l.amigocare_messaging_account_id AS account_id FROM amigocare.amigocare_leads l"
    f" WHERE l.company_id IN ({_COMPANIES})"
)
_ROWS = "SELECT * FROM amigocare.lead_import_rows WHERE import_id = ANY(:ids)"
_TAGS = (
    "SELECT c.lead_id, lower(t.name) AS name, t.is_deleted FROM amigocare.chat_tags c"
    " JOIN amigocare.tags t ON t.id = c.tag_id JOIN amigocare.amigocare_leads l ON l.id = c.lead_id"
    " WHERE l.import_id = ANY(:ids) AND NOT c.is_deleted"
)
_OUTBOX = "SELECT count(*) AS n FROM amigocare.outbox WHERE key = ANY(CAST(CAST(:ids AS int[]) AS text[]))"
_UNUSED_TAGS = (
    f"SELECT t.id FROM amigocare.tags t WHERE NOT t.is_deleted AND t.company_id IN ({_COMPANIES})"
    " AND EXISTS (SELECT FROM amigocare.lead_import_tags m WHERE m.tag_id = t.id AND m.created_here)"
    " AND NOT EXISTS (SELECT FROM amigocare.chat_tags c WHERE c.tag_id = t.id AND NOT c.is_deleted)"
    " AND NOT EXISTS (SELECT FROM amigocare.lead_import_tags h JOIN amigocare.lead_imports i"
    " ON i.id = h.import_id WHERE h.tag_id = t.id AND i.status = 'PROCESSING')"
)
_UNDOS = "SELECT * FROM amigocare.lead_import_undos WHERE import_id = ANY(:ids)"
_KEPT = "SELECT * FROM amigocare.lead_import_kept WHERE import_id = ANY(:ids)"
_PATIENTS = f"SELECT * FROM amigocare.patients WHERE deleted_at IS NULL AND company_id IN ({_COMPANIES})"


async def read(engine: AsyncEngine, mongo: Mongo, ids: Sequence[int]) -> Stored:
    """Read all that the stores hold of these imports and of their companies."""
    async with engine.connect() as connection:
        imports = await _all(connection, _IMPORTS, ids)
        leads = await _all(connection, _LEADS, ids)
        rows = await _all(connection, _ROWS, ids)
        tags = await _all(connection, _TAGS, ids)
        outbox = await _all(connection, _OUTBOX, ids)
        unused_tags = await _all(connection, _UNUSED_TAGS, ids)
        patients = await _all(connection, _PATIENTS, ids)
        undos = await _all(connection, _UNDOS, ids)
        kept = await _all(connection, _KEPT, ids)
    companies = sorted({each["company_id"] for each in imports})
    chats: list[Record] = [*await chats_of(mongo).find({"company_id": {"$in": companies}}).to_list()]
    asked = set(ids)
    return Stored(
        imports={each["id"]: each for each in imports if each["id"] in asked},
        every_import=imports,
        leads=_grouped([lead for lead in leads if lead["import_id"] in asked], "import_id"),
        rows=_grouped(rows, "import_id"),
        tags={
            lead_id: ["(deleted)" if each["is_deleted"] else each["name"] for each in some]
            for lead_id, some in _grouped(tags, "lead_id").items()
        },
        chats={str(chat["_id"]): chat for chat in chats if chat.get("import_id") in asked},
        every_chat=chats,
        unused_tags=unused_tags,
        open_outbox=outbox[0]["n"],
        undos={each["import_id"]: each for each in undos},
        kept={
            import_id: {each["lead_id"]: each["reason"] for each in some}
            for import_id, some in _grouped(kept, "import_id").items()
        },
        holders=_holders(leads, chats, {each["import_id"]: each["finished_at"] for each in undos}),
        patients={(each["company_id"], *phone_of(each)) for each in patients},
    )


async def _all(connection: AsyncConnection, statement: str, ids: Sequence[int]) -> list[Record]:
    return [dict(row) for row in (await connection.execute(text(statement), {"ids": list(ids)})).mappings()]


def phone_of(holder: Record) -> Phone:
    """Return the phone of a lead, chat or patient."""
    return holder["contact_cellphone_country_code"], holder["contact_cellphone"]


def account_of(holder: Record) -> Account:
    return holder["company_id"], holder["account_id"]


def _holders(
    leads: Sequence[Record], chats: Sequence[Record], undone_at: Mapping[int, datetime | None]
) -> dict[tuple[Account, str, str], list[Holder]]:
    holders: dict[tuple[Account, str, str], list[Holder]] = defaultdict(list)
    since = {lead["chat_id"]: lead["created_at"] for lead in leads}
    for lead in leads:
        if not lead["is_deleted"]:
            found = Holder("lead", lead["import_id"], lead["created_at"])
            holders[account_of(lead), *phone_of(lead)].append(found)
        elif until := undone_at.get(lead["import_id"]):
            # It was there, and its chat, until its import was taken back.
            holders[account_of(lead), *phone_of(lead)] += [
                Holder(kind, lead["import_id"], lead["created_at"], until) for kind in ("lead", "chat")
            ]
        elif lead["amigocare_messaging_account_id"] is not None:
            # Somebody deleted it; its chat stays.
            found = Holder("lead", lead["import_id"], lead["created_at"], lead["updated_at"])
            holders[account_of(lead), *phone_of(lead)].append(found)
    for chat in chats:
        # A chat of ours is dated by its creator's clock, its lead by the database's: the one that ends imports too.
        dated: datetime = since.get(str(chat["_id"])) or chat["created_at"]
        found = Holder("chat", chat.get("import_id"), dated)
        holders[account_of(chat), *phone_of(chat)].append(found)
    return holders


def _grouped(rows: Sequence[Record], key: str) -> dict[int, list[Record]]:
    groups: dict[int, list[Record]] = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return groups
