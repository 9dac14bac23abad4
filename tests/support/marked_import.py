"""An import in which everything happens to marked people: created, existing, wrong, refused by every stage."""

from dataclasses import dataclass

from aiokafka import AIOKafkaProducer

from libs.common.settings import PostgresSettings
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import LiveRows
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED, CHUNK_CREATED, CHUNK_DEDUPLICATED, CHUNK_TAGGED
from tests.support.contacts import insert_chat, insert_lead, insert_patient
from tests.support.imports import accepted_chunk, insert_import
from tests.support.kafka import unique
from tests.support.marked import Person, people
from tests.support.readers import Stored
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, problem, totals, xlsx_file


@dataclass(frozen=True, slots=True)
class Marked:
    """Everybody, and the ids of the imports."""

    people: list[Person]
    ended: int
    """Some rows created, some existing, some wrong."""
    failed: int
    """Refused by PostgreSQL in creator, and dead-lettered."""


async def import_marked_people(stack: Addresses, user: User, stored: Stored) -> Marked:
    """Run the imports to their ends, and send each stage a message that it cannot read."""
    everybody = people(40)
    some = iter(everybody)
    lead, patient, chat, twice, refused = (next(some) for _ in range(5))
    await insert_lead(stored, user.tenant, lead.phone, name=lead.name)
    await insert_patient(stored, user.tenant, patient.phone)
    await insert_chat(stored, user.tenant, chat.phone, name=chat.name)
    rows = [person.row() for person in (lead, patient, chat, twice, twice)]
    rows += [next(some).row() for _ in range(10)]
    wrong = [{"phone": next(some).phone + "99"}, {"cpf": next(some).mistyped_cpf}, {"email": "@" + next(some).email}]
    rows += [next(some).row(**change) for change in wrong]
    rows += [next(some).row(tags=f"{next(some).name},a,b,c,d,e")]
    problem(await user.upload(csv_file(rows)), 422, "invalid_rows")
    problem(await user.upload(xlsx_file([rows[0]], header=rows[1])), 422, "file_headers")
    problem(
        await user.upload(csv_file(rows), file_name=f"{refused.name}.csv", tag_ids=[2**31 - 1]), 422, "tags_not_found"
    )
    found = await user.run(csv_file(rows), on_invalid_row="skip")
    assert totals(found) == (11, 4, 4), found
    assert (await user.get(f"/imports/{found['id']}/rows", format="xlsx")).status_code == 200
    failed = await _refused_by_postgres(stack, user, next(some))
    await _unreadable(stack, found["id"], user, next(some))
    return Marked(everybody, ended=found["id"], failed=failed)


def _live(person: Person, *, cpf: str, name: str) -> LiveRows:
    return LiveRows(
        row=[2],
        name=[name],
        dial_code=["55"],
        country_code=["BR"],
        phone=[person.phone],
        cpf=[cpf],
        email=[person.email],
        tags=[[]],
        cells=[person.row()],
    )


async def _refused_by_postgres(stack: Addresses, user: User, person: Person) -> int:
    """Store an import whose chunks PostgreSQL refuses, one saying all that the row holds; wait until it has failed."""
    postgres = Postgres(
        PostgresSettings(postgres_url=stack.postgres_url),
        application_name="tests",
    )
    lives = [
        _live(person, cpf=person.cpf + "-longer", name=person.name),
        _live(person, cpf=person.cpf, name="\0" + person.name),
        _live(person, cpf=person.cpf, name=person.name),
    ]
    constraint = f"refuses_{person.number}"
    table = "ALTER TABLE amigocare.amigocare_leads"
    try:
        async with postgres.transaction() as connection:
            # Its error's detail would be "Failing row contains (…)", were there no row-level security.
            check = f"{table} ADD CONSTRAINT {constraint} CHECK (email IS DISTINCT FROM '{person.email}')"
            await connection.exec_driver_sql(check)
            last = await connection.exec_driver_sql("SELECT last_value FROM amigocare.lead_imports_id_seq")
            next_id: int = last.scalar_one() + 1
        chunks = [accepted_chunk(user.tenant, next_id, live, chunk_index=index) for index, live in enumerate(lives)]
        import_id = await insert_import(
            postgres,
            user.tenant,
            row_counts=[1] * len(chunks),
            name=unique("refused"),
            payloads=[chunk.model_dump_json().encode() for chunk in chunks],
        )
        assert import_id == next_id
        found = await user.ended(import_id)
        async with postgres.transaction() as connection:
            await connection.exec_driver_sql(f"{table} DROP CONSTRAINT {constraint}")
    finally:
        await postgres.close()
    assert (found["status"], totals(found)) == ("FAILED", (0, 0, len(lives)))
    return import_id


async def _unreadable(stack: Addresses, import_id: int, user: User, person: Person) -> None:
    """Send each stage what its model refuses: a number for a name, a row more than it says, no JSON at all."""
    good = accepted_chunk(user.tenant, import_id, _live(person, cpf=person.cpf, name=person.name))
    text = good.model_dump_json()
    bad = [
        text.replace(f'["{person.name}"]', f'{{"{person.name}": 1}}'),
        text.replace('"row_count":1', '"row_count":2'),
        text[: text.index(person.email) + 30],
        f'"{person.name} {person.phone} {person.cpf} {person.email}"',
    ]
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap) as producer:
        for topic in (CHUNK_ACCEPTED, CHUNK_DEDUPLICATED, CHUNK_TAGGED, CHUNK_CREATED):
            for index, message in enumerate(bad):
                key = f"{import_id}:{index}" if topic is not CHUNK_CREATED else str(import_id)
                await producer.send_and_wait(topic.name, message.encode(), key=key.encode())
