"""A person, and everywhere that the house keeps anything of people: what an erasure has to find."""

from dataclasses import dataclass
from typing import Any

from libs.common.kafka.clients import topic_in_kafka
from libs.contracts.lead_import.internal.messages import ChunkAccepted, LiveRows, Outcome, SettledRow
from libs.contracts.registry import registries
from services.operator.erasing.domain import Person
from services.operator.erasing.topic_letters import personal_topics
from tests.support.chunks import settled_row
from tests.support.imports import accepted_chunk, live_rows
from tests.support.kafka import Kafka
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.user import cpf_of

TEXT = ("character varying", "character", "text", "jsonb", "json", "bytea", "ARRAY", "tsvector", "USER-DEFINED", "xml")
"""Types that can hold what somebody typed. ``citext`` and the like are USER-DEFINED."""
_TEXT_COLUMNS = """
    SELECT c.table_schema || '.' || c.table_name || '.' || c.column_name AS name, c.data_type,
           (SELECT min(o.column_name) FROM information_schema.columns o
            WHERE (o.table_schema, o.table_name) = (c.table_schema, c.table_name)
              AND o.column_name IN ('company_id', 'import_id')) AS owner
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema NOT IN ('pg_catalog', 'information_schema') AND t.table_type = 'BASE TABLE'
      AND c.data_type = ANY(:types)
"""
_SINCE = {
    None: "",
    "company_id": " AND company_id >= :company",
    "import_id": " AND import_id >= (SELECT min(id) FROM amigocare.lead_imports WHERE company_id >= :company)",
}
"""Rows made since a company was, by the column that tells, if one does. A whole run leaves gigabytes of payloads."""


async def text_columns(db: Stored) -> list[dict[str, Any]]:
    """Return ``name`` (schema.table.column) and ``data_type`` of each, and the ``owner`` that its table names."""
    return await db.rows(_TEXT_COLUMNS, types=list(TEXT))


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person, and the spellings that people use."""

    phone: str
    email: str

    @property
    def cpf(self) -> str:
        return cpf_of(self.phone)

    @property
    def spellings(self) -> list[str]:
        ddd, one, two = self.phone[:2], self.phone[2:7], self.phone[7:]
        return [
            f"({ddd}) {one}-{two}",
            f"+55 {ddd} {one} {two}",
            f"0{ddd} {one}.{two}",
            f"55{ddd}{one[1:]}{two}",
            f"{self.phone}.0",
        ]

    def row(self, tenant: Tenant, import_id: int, other: str, **changes: Any) -> ChunkAccepted:
        """Return a chunk in which the person would become a lead, beside another; and stands in two settled rows."""
        live = LiveRows(
            **live_rows([self.phone, other]).model_dump()
            | {"cpf": [self.cpf, None], "email": [self.email, None], "name": ["Rosa Apagada", "Outra"]}
            | {"cells": [[self.spellings[0]], [other]]}
        )
        cells = ["Rosa Apagada", self.spellings[1], "", self.email.upper(), ""]
        settled = [
            SettledRow(row=4, outcome=Outcome.EXISTING, reason="in_file", cells=cells),
            SettledRow(row=5, outcome=Outcome.ERROR, reason="name_missing", cells=["", self.spellings[2], "", "", ""]),
            settled_row(6),
        ]
        return accepted_chunk(tenant, import_id, live, settled=settled, **changes)


def as_text(said: str | bytes) -> str:
    """Return what a column holds. Other tests' bytes are no text, as those of a chunk that is only weighed."""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


class House:
    """Everywhere that something of people is kept."""

    def __init__(self, db: Stored, kafka: Kafka, tenant: Tenant) -> None:
        self.db, self.kafka, self.tenant = db, kafka, tenant

    async def naming(self, person: Person, *, company_id: int | None = None) -> list[str]:
        """Return each column of any schema, and each collection, in which the person is named: read past our table."""
        found = []
        # Other tests' rows, tens of thousands of some tables, are left where they are.
        parts = {"digits": [f"%{each}%" for each in person.digits], "words": [f"%{each}%" for each in person.words]}
        for column in await text_columns(self.db):
            schema, table, name = column["name"].split(".")
            said, of = (name, f"encode({name}, 'escape')") if column["data_type"] == "bytea" else (f"{name}::text",) * 2
            values = await self.db.rows(
                f"SELECT {said} AS said FROM {schema}.{table} WHERE {name} IS NOT NULL"
                f" AND (regexp_replace({of}, '[^0-9]', '', 'g') LIKE ANY(:digits) OR {of} ILIKE ANY(:words))"
                f"{_SINCE[column['owner']]}",
                **parts | ({"company": self.tenant.company_id} if column["owner"] else {}),
            )
            found += [column["name"] for each in values if person.is_named_in(as_text(each["said"]))]
        database = self.db.chats.database
        for collection in await database.list_collection_names():
            async for document in database[collection].find():
                if company_id in (None, document.get("company_id")) and person.is_named_in(str(document)):
                    found.append(collection)
        return sorted(found)

    def in_kafka(self, topic: str) -> str:
        return topic_in_kafka(self.kafka.settings, topic)

    async def topics_naming(self, person: Person) -> set[str]:
        topics = personal_topics(registries())
        return {
            topic
            for topic in topics
            if any(person.may_be_named_in(each.value) for each in await self.kafka.records(self.in_kafka(topic)))
        }
