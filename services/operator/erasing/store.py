"""Finds a person in PostgreSQL and MongoDB, and erases there, each place with its line of audit.

Whatever is erased is found again before, in the same transaction: a second run finds what the first one left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.clock import Clock
from libs.common.outbox.event_outbox import add_event
from libs.common.stores.mongo import Document, Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import LeadDeleted
from libs.contracts.leads.topics import LEAD_DELETED
from libs.imports import chunk_life
from libs.imports.chats import UNTOUCHED, chats_of
from libs.imports.erasure import payload_without
from services.operator.erasing.domain import Person
from services.operator.erasing.places import CHAT_FIELDS_OF_A_PERSON, CHUNKS, LEADS, Place

_AUDIT = text(
    "INSERT INTO amigocare.erasures (company_id, place, rows, reference)"
    " VALUES (:company_id, :place, :rows, :reference)"
)


@dataclass(frozen=True, slots=True)
class ErasureWish:
    """Whom to look for, in which company, and by which request."""

    company_id: int
    person: Person
    reference: str


@dataclass(frozen=True, slots=True)
class InTable:
    """What of a place names the person: keys of rows, and imports in progress in which it can't be erased yet."""

    rows: Sequence[Mapping[str, Any]]
    imports_open: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class InChats:
    """Chats of the person: those that nobody has used go, in the others name and phone are emptied."""

    unused: Sequence[ObjectId]
    used: Sequence[ObjectId]


class ErasureStore:
    """Every statement is of one company."""

    def __init__(self, postgres: Postgres, mongo: Mongo, *, clock: Clock) -> None:
        self._postgres = postgres
        self._mongo = mongo
        self._clock = clock

    async def find(self, asked: ErasureWish, places: Sequence[Place]) -> list[InTable]:
        """Return what of each place names the person."""
        async with self._postgres.transaction() as connection:
            leads = await _leads(connection, asked)
            return [await _find(connection, asked, place, leads) for place in places]

    async def erase(self, asked: ErasureWish, places: Sequence[Place]) -> list[InTable]:
        """Erase it in one transaction, with a line of audit for each place that held any; return what was found."""
        told = []
        async with self._postgres.transaction() as connection:
            leads = await _leads(connection, asked)
            for place in places:
                if place is CHUNKS:
                    held = await _find(connection, asked, place, leads)
                    await chunk_life.lock_imports(connection, sorted({row["import_id"] for row in held.rows}))
                found = await _find(connection, asked, place, leads)
                told.append(found)
                if found.rows and place.erase is not None:
                    statement = text(place.erase)
                    keys = [_wanted(statement, {**row, "company_id": asked.company_id}) for row in found.rows]
                    await connection.execute(statement, keys)
                    await _audit(connection, asked, place.table, len(found.rows))
                if place is LEADS:
                    await self._tell(connection, asked, found)
        return told

    async def _tell(self, connection: AsyncConnection, asked: ErasureWish, leads: InTable) -> None:
        """Say it to those who copied leads. One from before there were public ids was never told to anybody."""
        at = self._clock()
        for lead in leads.rows:
            if lead["public_id"] is not None:
                event = LeadDeleted(lead_id=lead["public_id"], company_id=asked.company_id, erased=True, timestamp=at)
                await add_event(connection, LEAD_DELETED, event, source="operator", time=at)

    async def find_chats(self, asked: ErasureWish, leads: InTable) -> InChats:
        """Return the chats of the person's phone, and of the leads that were found."""
        phones: dict[str, list[str]] = {}
        for country, form in asked.person.phones:
            phones.setdefault(country, []).append(form)
        ids = [ObjectId(lead["chat_id"]) for lead in leads.rows if lead["chat_id"]]
        kinds: list[Document] = [
            {"contact_cellphone_country_code": country, "contact_cellphone": {"$in": sorted(forms)}}
            for country, forms in phones.items()
        ]
        named = {"company_id": asked.company_id, "contact_cellphone": {"$not": {"$regex": "^erased-"}}}
        found = {"$or": [*kinds, {"_id": {"$in": ids}}], "$and": [named]}
        chats = chats_of(self._mongo)
        # Chats of the platform are its own, also those that nobody has changed.
        ours = found | {"import_id": {"$exists": True}} | UNTOUCHED
        unused = [chat["_id"] async for chat in chats.find(ours, {"_id": 1})]
        others = found | {"_id": {"$nin": unused}}
        return InChats(unused, [chat["_id"] async for chat in chats.find(others, {"_id": 1})])

    async def erase_chats(self, asked: ErasureWish, leads: InTable) -> InChats:
        """Delete the chats that nobody has used, and empty name and phone of the others; with a line of audit."""
        found = await self.find_chats(asked, leads)
        chats = chats_of(self._mongo)
        # Somebody may begin to use one at this moment: it is then one of the others, and found by the next run.
        await chats.delete_many({"_id": {"$in": list(found.unused)}} | UNTOUCHED)
        name, phone = CHAT_FIELDS_OF_A_PERSON
        emptied = {name: None, phone: {"$concat": ["erased-", {"$toString": "$_id"}]}, "updated_at": "$$NOW"}
        await chats.update_many({"_id": {"$in": list(found.used)}}, [{"$set": emptied}])
        if count := len(found.unused) + len(found.used):
            async with self._postgres.transaction() as connection:
                await _audit(connection, asked, chats.name, count)
        return found


async def _leads(connection: AsyncConnection, asked: ErasureWish) -> list[int]:
    return [lead["lead_id"] for lead in (await _find(connection, asked, LEADS, [])).rows]


async def _find(connection: AsyncConnection, asked: ErasureWish, place: Place, leads: Sequence[int]) -> InTable:
    if place is CHUNKS:
        return await _find_chunks(connection, asked)
    person = asked.person
    given = {
        "company_id": asked.company_id,
        "digits": [f"%{digits}%" for digits in person.digits],
        "words": [f"%{_escaped(word)}%" for word in person.words],
        "countries": [country for country, _ in person.phones],
        "phones": [form for _, form in person.phones],
        "emails": person.words,
        "cpfs": [person.cpf] if person.cpf else [],
        "leads": list(leads),
    }
    statement = text(place.find)
    rows = [dict(row) for row in (await connection.execute(statement, _wanted(statement, given))).mappings()]
    named = [row for row in rows if row.get("is_sure") or person.is_named_in(row["said"])]
    return InTable(named)


async def _find_chunks(connection: AsyncConnection, asked: ErasureWish) -> InTable:
    """Payloads are half a megabyte each: one is in memory at a time, unless it must be written anew."""
    found: list[dict[str, Any]] = []
    is_open: set[int] = set()
    async with connection.stream(text(CHUNKS.find), {"company_id": asked.company_id}) as chunks:
        async for chunk in chunks.mappings():
            payload = bytes(chunk["payload"])
            if not asked.person.may_be_named_in(payload):
                continue
            without, rows = payload_without(payload, asked.person.is_named_in)
            if rows and chunk["is_settled"]:
                found.append({**chunk, "payload": without})
            elif rows:
                is_open.add(chunk["import_id"])
    return InTable(found, frozenset(is_open))


async def _audit(connection: AsyncConnection, asked: ErasureWish, place: str, rows: int) -> None:
    line = {"company_id": asked.company_id, "place": place, "rows": rows, "reference": asked.reference}
    await connection.execute(_AUDIT, line)


def _wanted(statement: TextClause, given: Mapping[str, Any]) -> dict[str, Any]:
    names = statement.compile().params
    return {name: value for name, value in given.items() if name in names}


def _escaped(word: str) -> str:
    """Return a text as a pattern of LIKE that it alone fits."""
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
