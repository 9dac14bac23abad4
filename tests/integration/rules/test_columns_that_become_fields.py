"""Columns that are no known field become fields of the company's own: one field however many imports bring it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from libs.common.stores.postgres import Postgres
from libs.common.web.refusals import Refused
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.contracts.leads.events import LeadCreated
from services.api.accepting.acceptor import Acceptor
from services.api.reading.domain.job import ReadingJob, ReadingResult
from services.api.reading.pool import ReadingPool
from services.enroller.handlers import enroll_chunk
from services.enroller.store import Store as EnrollStore
from tests.support.chunks import new_phones
from tests.support.pipeline import Pipeline, all_into
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.uploads import acceptor, reading_pool, wish

pytestmark = pytest.mark.usefixtures("quiet")

KEEP = {"columns": "mapped", "extra_columns": "keep"}
AT_ONCE = 4


@pytest_asyncio.fixture(scope="module")
async def pool() -> AsyncIterator[ReadingPool]:
    async with reading_pool(1) as pool:
        yield pool


@pytest.fixture
def accepting(crowd: Postgres, pool: ReadingPool) -> Acceptor:
    return acceptor(crowd, pool)


def csv_of(header: str, *cells: str) -> bytes:
    rows = zip(new_phones(len(cells)), cells, strict=True)
    lines = [f"Lead {at};{phone};{cell}" for at, (phone, cell) in enumerate(rows)]
    return "\n".join([f"Nome;Celular;{header}", *lines]).encode() + b"\n"


async def fields_of(db: Stored, tenant: Tenant) -> dict[str, tuple[str, str]]:
    found = await db.value(
        "SELECT coalesce(json_object_agg(key, json_build_array(label, type)), '{}')"
        " FROM crm.field_definitions WHERE company_id = :c",
        c=tenant.company_id,
    )
    plain = json.loads(found) if isinstance(found, str) else found
    return {key: (label, kind) for key, (label, kind) in plain.items()}


async def define(db: Stored, tenant: Tenant, key: str, kind: str, label: str | None = None) -> None:
    await db.execute(
        "INSERT INTO crm.field_definitions (company_id, key, label, type, created_by) VALUES (:c, :k, :l, :t, :u)",
        c=tenant.company_id,
        k=key,
        l=label or key,
        t=kind,
        u=tenant.user_id,
    )


async def chunk_of(db: Stored, answer: dict[str, Any]) -> ChunkAccepted:
    payload = await db.value("SELECT payload FROM amigocare.lead_import_chunks WHERE import_id = :i", i=answer["id"])
    return ChunkAccepted.model_validate_json(payload)


async def values_of(db: Stored, answer: dict[str, Any]) -> dict[str, list[Any]]:
    return {column.field: column.values for column in (await chunk_of(db, answer)).live.more or ()}


async def test_a_column_becomes_a_field_and_its_values_the_leads_own(
    accepting: Acceptor, pipeline: Pipeline, db: Stored, tenant: Tenant, other_tenant: Tenant, tmp_path: Path
) -> None:
    await define(db, other_tenant, "cidade", "number")  # another company's is another field
    content = csv_of("Cidade;Filhos;Desde;Convênio", "Santos;2;28/11/2026;sim", ";;;não")
    answer = await accepting.accept(wish(tenant, tmp_path, [], content=content, **KEEP))
    assert answer["left_out"] == []
    assert answer["new_fields"] == [
        {"key": "cidade", "label": "Cidade", "type": "string"},
        {"key": "filhos", "label": "Filhos", "type": "number"},
        {"key": "desde", "label": "Desde", "type": "date"},
        {"key": "convenio", "label": "Convênio", "type": "boolean"},
    ]
    assert await fields_of(db, tenant) == {each["key"]: (each["label"], each["type"]) for each in answer["new_fields"]}
    await pipeline.whole(await chunk_of(db, answer))
    leads = sorted(await db.leads(tenant.company_id), key=lambda lead: lead["name"])
    assert [lead["custom_fields"] for lead in leads] == [
        {"cidade": "Santos", "filhos": 2, "desde": "2026-11-28", "convenio": True},
        {"convenio": False},
    ]
    # The next file fills what is there, and is checked against it.
    again = await accepting.accept(wish(tenant, tmp_path, [], content=csv_of("Filhos", "3"), name="b", **KEEP))
    assert (again["new_fields"], await values_of(db, again)) == ([], {"custom:filhos": [3]})
    with pytest.raises(Refused) as refused:
        await accepting.accept(wish(tenant, tmp_path, [], content=csv_of("Filhos", "três"), name="c", **KEEP))
    assert [(each.column, each.code) for each in refused.value.errors or ()] == [("custom:filhos", "number_invalid")]
    assert await fields_of(db, other_tenant) == {"cidade": ("cidade", "number")}


async def test_imports_with_the_same_new_column_at_once_make_one_field(
    accepting: Acceptor, db: Stored, tenant: Tenant, tmp_path: Path
) -> None:
    wishes = [
        wish(tenant, tmp_path, [], content=csv_of("Verba", str(at)), name=f"import {at}", **KEEP)
        for at in range(AT_ONCE)
    ]
    answers = await asyncio.gather(*map(accepting.accept, wishes))
    assert await fields_of(db, tenant) == {"verba": ("Verba", "number")}
    assert [await values_of(db, answer) for answer in answers] == [{"custom:verba": [at]} for at in range(AT_ONCE)]


async def test_imports_with_new_columns_of_one_key_at_once_make_a_field_for_each_label(
    accepting: Acceptor, db: Stored, tenant: Tenant, tmp_path: Path
) -> None:
    labels = ("Verba", "Verba %", "Verba?", "Verba (R$)")
    wishes = [
        wish(tenant, tmp_path, [], content=csv_of(label, str(at)), name=label, **KEEP)
        for at, label in enumerate(labels)
    ]
    answers = await asyncio.gather(*map(accepting.accept, wishes))
    fields = await fields_of(db, tenant)
    assert sorted(fields.values()) == sorted((label, "number") for label in labels)
    for at, (label, answer) in enumerate(zip(labels, answers, strict=True)):
        ((field, values),) = (await values_of(db, answer)).items()
        assert (fields[field.removeprefix("custom:")], values) == ((label, "number"), [at])


class Meanwhile:
    """Reads as the pool does; after the first reading somebody else makes a field."""

    def __init__(self, pool: ReadingPool, db: Stored, tenant: Tenant, key: str, kind: str, label: str) -> None:
        self._pool, self._db, self._tenant, self._made = pool, db, tenant, (key, kind, label)
        self.reads = 0

    async def read(self, job: ReadingJob) -> ReadingResult:
        self.reads += 1
        found = await self._pool.read(job)
        if self.reads == 1:
            await define(self._db, self._tenant, *self._made)
        return found


@pytest.mark.parametrize(("kind", "reads", "values"), [("string", 2, ["12"]), ("number", 1, [12])])
async def test_a_field_of_another_type_that_was_made_meanwhile_has_the_file_read_anew(
    crowd: Postgres,
    pool: ReadingPool,
    db: Stored,
    tenant: Tenant,
    tmp_path: Path,
    kind: str,
    reads: int,
    values: list[Any],
) -> None:
    meanwhile = Meanwhile(pool, db, tenant, "verba", kind, "VERBA")
    accepting = acceptor(crowd, meanwhile)  # type: ignore[arg-type]
    answer = await accepting.accept(wish(tenant, tmp_path, [], content=csv_of("Verba", "12"), **KEEP))
    assert (meanwhile.reads, await values_of(db, answer)) == (reads, {"custom:verba": values})
    assert await db.value("SELECT count(*) FROM amigocare.lead_imports WHERE company_id = :c", c=tenant.company_id) == 1


@pytest.mark.parametrize(("key", "label"), [("verba", "Verba %"), ("budget", "verba")])
async def test_a_field_of_another_label_or_key_that_was_made_meanwhile_has_the_file_read_anew(
    crowd: Postgres, pool: ReadingPool, db: Stored, tenant: Tenant, tmp_path: Path, key: str, label: str
) -> None:
    """The values of one label are not stored under another one, and one label has one field."""
    meanwhile = Meanwhile(pool, db, tenant, key, "number", label)
    accepting = acceptor(crowd, meanwhile)  # type: ignore[arg-type]
    answer = await accepting.accept(wish(tenant, tmp_path, [], content=csv_of("Verba", "12"), **KEEP))
    fields = await fields_of(db, tenant)
    ((field, values),) = (await values_of(db, answer)).items()
    assert (meanwhile.reads, fields[field.removeprefix("custom:")][0].casefold(), values) == (2, "verba", [12])
    assert len(fields) == len({said.casefold() for said, _ in fields.values()})


async def test_the_last_free_field_goes_to_one_of_two_imports(
    accepting: Acceptor, db: Stored, tenant: Tenant, tmp_path: Path
) -> None:
    for at in range(49):
        await define(db, tenant, f"f{at}", "string")
    wishes = [wish(tenant, tmp_path, [], content=csv_of(name, "x"), name=name, **KEEP) for name in ("Uva", "Figo")]
    found = await asyncio.gather(*map(accepting.accept, wishes), return_exceptions=True)
    (refused,) = [each for each in found if isinstance(each, BaseException)]
    assert isinstance(refused, Refused)
    assert (refused.code, refused.facts) == ("fields_too_many", {"present": 50, "new": 1, "most": 50})
    assert len(await fields_of(db, tenant)) == 50
    assert await db.value("SELECT count(*) FROM amigocare.lead_imports WHERE company_id = :c", c=tenant.company_id) == 1


async def test_an_upload_that_is_refused_makes_no_field(
    accepting: Acceptor, db: Stored, tenant: Tenant, tmp_path: Path
) -> None:
    await accepting.accept(wish(tenant, tmp_path, new_phones(1), name="taken"))
    for code, name, cells in (("invalid_rows", "free", ("1", "#N/A")), ("name_taken", "taken", ("1",))):
        with pytest.raises(Refused) as refused:
            await accepting.accept(wish(tenant, tmp_path, [], content=csv_of("Verba", *cells), name=name, **KEEP))
        assert refused.value.code == code
    assert await fields_of(db, tenant) == {}


async def test_an_import_that_asks_for_silence_is_enrolled_and_nobody_is_told(
    accepting: Acceptor, pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant, tmp_path: Path
) -> None:
    told: dict[bool, list[LeadCreated]] = {}
    for silent in (True, False):
        asked = wish(tenant, tmp_path, new_phones(2), name=f"silent {silent}", silent=silent)
        created = await pipeline.whole(await chunk_of(db, await accepting.accept(asked)))
        told[silent] = []
        await enroll_chunk(created, store=EnrollStore(postgres), publish=all_into(told[silent]))
    assert (len(told[True]), len(told[False])) == (0, 2)
    assert await db.value("SELECT count(*) FROM crm.lead_search WHERE company_id = :c", c=tenant.company_id) == 4
