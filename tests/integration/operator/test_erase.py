"""``leadflow erase``: one person, wherever the house keeps anything of people, in any spelling; nobody else."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from bson import ObjectId
from sqlalchemy import make_url
from typer.testing import CliRunner

from libs.common.kafka.admin import ensure_topics
from libs.common.settings import KafkaSettings, MongoSettings, PostgresSettings
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.contracts.lead_import.internal.topics import CHUNK_TAGGED, DEAD_LETTERS
from libs.contracts.registry import registries
from services.operator.erasing.domain import Person
from services.operator.erasing.places import NOT_PERSONAL, OF_THE_PLATFORM, PLACES
from services.operator.main import app
from services.operator.store import Store as Operator
from tests.integration.operator.house import House, Somebody, text_columns
from tests.support.chunks import new_phones
from tests.support.imports import insert_import
from tests.support.kafka import Kafka, kafka_of, unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant, create_tenant
from tests.support.readers import Stored
from tests.support.stack import Addresses
from tests.support.user import old_form


@pytest.fixture
def somebody() -> Somebody:
    (phone,) = new_phones(1)
    return Somebody(phone, f"rosa.{phone}@example.org")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kafka(servers: Addresses) -> AsyncIterator[Kafka]:
    """Topics of these tests alone: what they plant is no message that a service could take."""
    settings = KafkaSettings(
        kafka_bootstrap=servers.kafka_bootstrap, kafka_topic_prefix=unique("erase") + ".", topic_partitions=1
    )
    await ensure_topics(settings, registries())
    async with kafka_of(settings) as kafka:
        yield kafka


@pytest_asyncio.fixture
async def house(db: Stored, kafka: Kafka, tenant: Tenant) -> House:
    return House(db, kafka, tenant)


@dataclass(frozen=True, slots=True)
class Command:
    """``leadflow erase`` against the tests' servers."""

    environment: dict[str, str]
    company_id: int

    async def erase(self, *options: str, code: int = 0) -> list[str]:
        command = ["erase", "--company", str(self.company_id), *options]
        # In a thread: the command runs an event loop of its own.
        done = await asyncio.to_thread(CliRunner().invoke, app, command, env=self.environment)
        assert done.exit_code == code, done.output
        return done.output.splitlines()


@pytest.fixture
def command(stores: tuple[PostgresSettings, MongoSettings], kafka: Kafka, tenant: Tenant) -> Command:
    environment = {
        "LEADFLOW_POSTGRES_URL": stores[0].postgres_url.get_secret_value(),
        "LEADFLOW_MONGO_URL": stores[1].mongo_url.get_secret_value(),
        "LEADFLOW_KAFKA_BOOTSTRAP": kafka.settings.kafka_bootstrap,
        "LEADFLOW_KAFKA_TOPIC_PREFIX": kafka.settings.kafka_topic_prefix,
    }
    return Command(environment, tenant.company_id)


async def plant(
    somebody: Somebody, tenant: Tenant, postgres: Postgres, pipeline: Pipeline, db: Stored
) -> tuple[int, int]:
    """Put the person everywhere; return an import that has ended well and one that ended in the dead letter."""
    made = [await insert_import(postgres, tenant, row_counts=[5], name=unique("n")) for _ in range(2)]
    whole, dead = [somebody.row(tenant, each, other) for each, other in zip(made, new_phones(2), strict=True)]
    for chunk in (whole, dead):
        await db.execute(
            "UPDATE amigocare.lead_import_chunks SET payload = :p WHERE import_id = :i",
            p=chunk.model_dump_json().encode(),
            i=chunk.import_id,
        )
    await pipeline.whole(whole)
    await pipeline.dead_letter((dead.import_id, 0))
    corrections = {"4": {"phone": somebody.spellings[3]}, "6": {"name": "Outra"}}
    await db.execute(
        "UPDATE amigocare.lead_imports SET corrections = CAST(:c AS jsonb) WHERE id = :i",
        c=json.dumps(corrections),
        i=made[0],
    )
    own, other = [
        row["id"]
        for row in await db.rows("SELECT id FROM amigocare.amigocare_leads WHERE import_id = :i ORDER BY id", i=made[0])
    ]
    await db.execute("SELECT crm.default_pipeline(:c)", c=tenant.company_id)
    for statement in (
        ("UPDATE amigocare.amigocare_leads SET notes = :t WHERE id = :other"),
        ("INSERT INTO crm.lead_activities (lead_id, company_id, activity_type, description)"
         " VALUES (:own, :c, 'note_added', 'Rosa ligou'), (:other, :c, 'note_added', :t)"),
        ("INSERT INTO crm.audit_log (company_id, lead_id, action, after)"
         " VALUES (:c, :own, 'edit', jsonb_build_object('phone', CAST(:t AS text)))"),
        ("INSERT INTO crm.lead_search (lead_id, company_id, folded, words, email, phones, source_id)"
         " VALUES (:own, :c, 'rosa', to_tsvector('simple', 'rosa'), :email, ARRAY[CAST(:phone AS text)], :s)"),
        ("INSERT INTO crm.opportunities (company_id, lead_id, stage_id, title, currency, created_by)"
         " SELECT :c, :own, s.id, :t, 'BRL', :u FROM crm.stages s"
         " WHERE s.pipeline_id = crm.default_pipeline(:c) ORDER BY position LIMIT 1"),
    ):  # fmt: skip
        named = {"own": own, "other": other, "c": tenant.company_id, "u": tenant.user_id, "s": tenant.source_id}
        named |= {"t": f"amiga: {somebody.spellings[0]}", "email": somebody.email, "phone": somebody.phone}
        await db.execute(statement, **{name: each for name, each in named.items() if f":{name}" in statement})
    await db.chats.insert_one(
        {
            "_id": ObjectId(),
            "company_id": tenant.company_id,
            "account_id": tenant.other_account_id,
            "name": "Rosa",
            "contact_cellphone": old_form(somebody.phone),
            "contact_cellphone_dial_code": "55",
            "contact_cellphone_country_code": "BR",
            "created_at": datetime.now(UTC),
            "updated_at": datetime.now(UTC),
        }
    )
    return made[0], made[1]


ALL_PLACES = [
    "amigocare.amigocare_leads.contact_cellphone",
    "amigocare.amigocare_leads.cpf",
    "amigocare.amigocare_leads.email",
    "amigocare.amigocare_leads.notes",
    "amigocare.lead_import_chunks.payload",
    "amigocare.lead_import_rows.cells",
    "amigocare.lead_imports.corrections",
    "chats",
    "crm.audit_log.after",
    "crm.lead_activities.description",
    "crm.lead_search.email",
    "crm.lead_search.phones",
    "crm.opportunities.title",
]
ERASED = {
    "amigocare.lead_import_chunks": 1,
    "amigocare.lead_imports": 1,
    "amigocare.lead_import_rows": 5,
    "crm.lead_search": 1,
    "crm.lead_activities": 2,
    "crm.opportunities": 1,
    "crm.audit_log": 1,
    "amigocare.amigocare_leads": 1,
}
"""Rows by table. Of the leads the person's own; that another's notes are emptied, too, stands in a line before it."""


async def test_every_column_that_can_hold_text_is_a_place_or_says_why_not(db: Stored) -> None:
    """A table of a new service cannot be forgotten: this fails until somebody says what becomes of its columns."""
    columns = {column["name"] for column in await text_columns(db)}
    platform = tuple(f"amigocare.{table}." for table in OF_THE_PLATFORM)
    places = {f"{place.table}.{column}" for place in PLACES for column in place.columns}
    ours = {column for column in columns if not column.startswith(platform)}
    assert places.isdisjoint(NOT_PERSONAL)
    assert ours - places - NOT_PERSONAL.keys() == set(), "say of each what becomes of a person in it"
    assert (places | NOT_PERSONAL.keys()) - ours == set(), "no such column"
    assert all(NOT_PERSONAL.values())


async def test_a_person_is_erased_everywhere_and_nobody_else(
    somebody: Somebody,
    house: House,
    command: Command,
    postgres: Postgres,
    pipeline: Pipeline,
    db: Stored,
    tenant: Tenant,
) -> None:
    whole, dead = await plant(somebody, tenant, postgres, pipeline, db)
    other_company = await create_tenant(postgres.engine)
    await plant(somebody, other_company, postgres, pipeline, db)
    letter = somebody.row(tenant, dead, new_phones(1)[0]).model_dump_json().encode()
    for topic in (CHUNK_TAGGED.name, DEAD_LETTERS.topic):
        await house.kafka.send(house.in_kafka(topic), letter)
    person = Person.of(phone=somebody.phone, email=somebody.email, cpf=somebody.cpf)
    planted = await house.naming(person)
    assert sorted(set(planted)) == ALL_PLACES
    before = await totals_of(db, whole, dead)

    who = ("--phone", somebody.spellings[1], "--email", somebody.email, "--cpf", somebody.cpf)
    dry = await command.erase(*who)
    assert "Nothing was changed: --yes does it." in dry
    assert await house.naming(person) == planted
    told = await command.erase(*who, "--yes", "--reference", "DSR-7")
    assert [line for line in told if line not in dry] == []

    counts = {line.split(":")[0]: int(re.findall(r": (\d+)", line)[0]) for line in told if re.search(r": \d", line)}
    assert {table: count for table, count in counts.items() if table.startswith(("amigocare.", "crm."))} == ERASED
    assert len([line for line in told if line.startswith("chats: 1 ")]) == 2, "an import's own, and the platform's"
    left = await house.naming(person)
    assert sorted(set(left)) == ALL_PLACES, "the other company's"
    assert len(left) * 2 == len(planted)
    assert await house.naming(person, company_id=tenant.company_id) == [each for each in left if each != "chats"]

    topics = {line.split(":")[0] for line in told if "gone by themselves" in line}
    assert topics == await house.topics_naming(person) == {CHUNK_TAGGED.name, DEAD_LETTERS.topic}
    assert all(re.search(r"by \d{4}-\d\d-\d\d \d\d:\d\d UTC", line) for line in told if "gone by" in line)

    assert await totals_of(db, whole, dead) == before, "ids and counts stay"
    others = (
        "SELECT name, contact_cellphone, is_deleted FROM amigocare.amigocare_leads WHERE import_id = :i ORDER BY id"
    )
    leads = await db.rows(others, i=whole)
    assert [(lead["name"], lead["is_deleted"]) for lead in leads] == [(None, True), ("Outra", False)]
    assert await command.erase(*who, "--yes") == [
        *(line for line in told if "gone by themselves" in line),
        "Nothing is left in PostgreSQL and MongoDB.",
        told[-1],
    ]
    audit = await db.rows("SELECT * FROM amigocare.erasures WHERE company_id = :c ORDER BY id", c=tenant.company_id)
    assert [(line["place"], line["rows"]) for line in audit] == [
        ("amigocare.lead_import_chunks", 1),
        ("amigocare.lead_imports", 1),
        ("amigocare.lead_import_rows", 5),
        ("chats", 2),
        ("crm.lead_search", 1),
        ("crm.lead_activities", 2),
        ("crm.opportunities", 1),
        ("crm.audit_log", 1),
        ("amigocare.amigocare_leads", 1),
        ("amigocare.amigocare_leads", 1),
    ]
    assert {line["reference"] for line in audit} == {"DSR-7"}
    assert not any(person.is_named_in(line) for line in told)


async def totals_of(db: Stored, *imports: int) -> list[dict[str, Any]]:
    lead_imports = (
        "SELECT id, status, total_rows, total_created, total_existing, total_errors FROM amigocare.lead_imports"
        " WHERE id = ANY(:i) ORDER BY id"
    )
    rows = (
        "SELECT import_id, row_number, outcome, reason, detail FROM amigocare.lead_import_rows"
        " WHERE import_id = ANY(:i) ORDER BY 1, 2"
    )
    leads = "SELECT id, import_id, chat_id FROM amigocare.amigocare_leads WHERE import_id = ANY(:i) ORDER BY id"
    return [each for statement in (lead_imports, rows, leads) for each in await db.rows(statement, i=list(imports))]


async def test_a_replay_makes_no_lead_of_somebody_who_was_erased(
    somebody: Somebody, command: Command, postgres: Postgres, pipeline: Pipeline, db: Stored, tenant: Tenant
) -> None:
    _, dead = await plant(somebody, tenant, postgres, pipeline, db)
    await command.erase("--phone", somebody.phone, "--yes")
    assert await Operator(postgres).reopen_import(dead) == [(dead, 0)]
    payload = await db.value("SELECT payload FROM amigocare.lead_import_chunks WHERE import_id = :i", i=dead)
    created = await pipeline.whole(ChunkAccepted.model_validate_json(bytes(payload)))
    assert len(created.live) == 1
    (lead,) = await db.rows("SELECT name FROM amigocare.amigocare_leads WHERE import_id = :i", i=dead)
    assert lead["name"] == "Outra"
    reasons = "SELECT row_number, reason FROM amigocare.lead_import_rows WHERE import_id = :i ORDER BY row_number"
    assert [(row["row_number"], row["reason"]) for row in await db.rows(reasons, i=dead)] == [
        (2, "erased"), (4, "in_file"), (5, "name_missing"), (6, "phone_invalid"),
    ]  # fmt: skip


async def test_an_import_in_progress_that_names_the_person_must_be_looked_at_again(
    somebody: Somebody, command: Command, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    made = await insert_import(postgres, tenant, row_counts=[5], name=unique("n"))
    payload = somebody.row(tenant, made, new_phones(1)[0]).model_dump_json().encode()
    await db.execute("UPDATE amigocare.lead_import_chunks SET payload = :p WHERE import_id = :i", p=payload, i=made)
    told = await command.erase("--cpf", somebody.cpf, "--yes", code=2)
    place = "amigocare.lead_import_chunks"
    assert f"{place}: in imports in progress ({made}) — run this again when they have ended" in told
    assert "Nothing is left in PostgreSQL and MongoDB." not in told
    kept = await db.value("SELECT payload FROM amigocare.lead_import_chunks WHERE import_id = :i", i=made)
    assert bytes(kept) == payload


async def test_a_chat_that_somebody_has_used_loses_name_and_phone_alone(
    somebody: Somebody, command: Command, postgres: Postgres, pipeline: Pipeline, db: Stored, tenant: Tenant
) -> None:
    made, _ = await plant(somebody, tenant, postgres, pipeline, db)
    await db.chats.update_one({"import_id": made, "name": "Rosa Apagada"}, {"$set": {"unread": 3}})
    await command.erase("--phone", somebody.phone, "--yes")
    (chat,) = await db.chats.find({"import_id": made, "unread": 3}).to_list()
    assert (chat["name"], chat["contact_cellphone"]) == (None, f"erased-{chat['_id']}")
    assert await db.chats.count_documents({"import_id": made, "name": "Outra"}) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Say who: --phone, --email or --cpf."),
        (("--phone", "ligar depois"), "That can't be read: phone_invalid."),
        (("--cpf", "111.111.111-11"), "That can't be read: cpf_invalid."),
    ],
)
async def test_what_names_nobody_is_refused_without_being_repeated(
    command: Command, options: tuple[str, ...], said: str
) -> None:
    assert await command.erase(*options, "--yes", code=1) == [said]


async def test_a_role_that_owns_nothing_may_erase(
    somebody: Somebody, command: Command, postgres: Postgres, pipeline: Pipeline, db: Stored, tenant: Tenant
) -> None:
    """The rights of ``leadflow_operator`` are enough for each place of the table."""
    await plant(somebody, tenant, postgres, pipeline, db)
    login = unique("operator").replace("-", "_")
    await db.execute(f"CREATE ROLE {login} LOGIN IN ROLE leadflow_operator PASSWORD '{login}'")
    address = make_url(command.environment["LEADFLOW_POSTGRES_URL"]).set(username=login, password=login)
    url = address.render_as_string(hide_password=False)
    as_operator = replace(command, environment=command.environment | {"LEADFLOW_POSTGRES_URL": url})
    told = await as_operator.erase("--phone", somebody.phone, "--email", somebody.email, "--cpf", somebody.cpf, "--yes")
    assert "Nothing is left in PostgreSQL and MongoDB." not in told
    again = await as_operator.erase("--phone", somebody.phone, "--email", somebody.email, "--cpf", somebody.cpf)
    assert "Nothing is left in PostgreSQL and MongoDB." in again
