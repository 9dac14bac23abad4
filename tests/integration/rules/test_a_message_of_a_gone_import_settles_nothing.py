"""A message is only believed about the import that it was made of: after a restore another one may have its id."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from libs.common.errors import BadMessage
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.acceptance import acceptance_number
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.imports.chunk_states import NamedChunk, named_chunk
from services.operator.store import Store as Operator
from tests.support.chunks import created_like, new_phones, settled_row
from tests.support.imports import ACCEPTED_AT, accepted_chunk, deduplicated, insert_import, live_rows, tagged
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored

OTHER_TIME = ACCEPTED_AT - timedelta(microseconds=1)
CLEAR = "no import .* this id, company and time of acceptance"

Stage = Callable[[Pipeline, ChunkAccepted], Awaitable[Any]]
STAGES: dict[str, Stage] = {
    "dedup": lambda pipeline, chunk: pipeline.dedup(chunk),
    "tagger": lambda pipeline, chunk: pipeline.tag(deduplicated(chunk)),
    "creator": lambda pipeline, chunk: pipeline.create(tagged(chunk)),
    "finalizer": lambda pipeline, chunk: pipeline.settle(created_like(tagged(chunk))),
}


@pytest_asyncio.fixture
async def chunk(postgres: Postgres, tenant: Tenant) -> ChunkAccepted:
    """The one chunk of an import in progress: two live rows with tags, one settled by the api."""
    import_id = await insert_import(postgres, tenant, row_counts=[3], name=unique("n"))
    live = live_rows(new_phones(2), tags=[["Feira"], ["Loja"]])
    return accepted_chunk(tenant, import_id, live, settled=[settled_row(4)])


@pytest.fixture(params=["another company", "another time", "another of both"])
def strange(request: pytest.FixtureRequest, chunk: ChunkAccepted, other_tenant: Tenant) -> ChunkAccepted:
    """A message of the import that had the id before."""
    company = {
        "company_id": other_tenant.company_id,
        "account_id": other_tenant.account_id,
        "creator_id": other_tenant.user_id,
    }
    changes: dict[str, dict[str, Any]] = {
        "another company": company,
        "another time": {"accepted_at": OTHER_TIME},
        "another of both": company | {"accepted_at": OTHER_TIME},
    }
    return chunk.model_copy(update=changes[request.param])


async def everything(db: Stored, chunk: ChunkAccepted) -> list[Any]:
    """Return all that the database holds of the import, and the tags of all companies."""
    found: list[Any] = []
    for table in ("lead_import_chunks", "lead_import_rows", "lead_import_tags", "amigocare_leads"):
        found += await db.rows(f"SELECT * FROM amigocare.{table} WHERE import_id = :i", i=chunk.import_id)
    found += await db.rows("SELECT * FROM amigocare.lead_imports WHERE id = :i", i=chunk.import_id)
    found += await db.rows("SELECT * FROM amigocare.outbox WHERE key = :k", k=str(chunk.import_id))
    return found + await db.rows("SELECT count(*) FROM amigocare.tags")


@pytest.mark.parametrize("stage", STAGES)
async def test_every_stage_calls_it_bad_and_changes_nothing(
    stage: str, pipeline: Pipeline, chunk: ChunkAccepted, strange: ChunkAccepted, db: Stored
) -> None:
    before = await everything(db, chunk)
    with pytest.raises(BadMessage, match=CLEAR):
        await STAGES[stage](pipeline, strange)
    assert await everything(db, chunk) == before


@pytest.mark.parametrize("stage", STAGES)
async def test_the_same_message_of_the_right_import_is_good(
    stage: str, pipeline: Pipeline, chunk: ChunkAccepted
) -> None:
    await STAGES[stage](pipeline, chunk)


@pytest.mark.parametrize("accepted_at", [OTHER_TIME, None], ids=["another time", "no time"])
async def test_a_dead_letter_of_another_time_settles_nothing(
    accepted_at: Any, pipeline: Pipeline, chunk: ChunkAccepted, db: Stored
) -> None:
    before = await everything(db, chunk)
    await pipeline.dead_letter((chunk.import_id, 0), accepted_at=accepted_at)
    assert await everything(db, chunk) == before


async def test_a_replay_of_a_dead_letter_of_another_time_opens_nothing_and_the_right_one_does(
    pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, postgres: Postgres
) -> None:
    operator = Operator(postgres)
    await pipeline.dead_letter((chunk.import_id, 0))
    before = await everything(db, chunk)
    assert await operator.reopen([NamedChunk(chunk.import_id, 0, OTHER_TIME)]) == []
    assert await everything(db, chunk) == before
    assert await operator.reopen([NamedChunk(chunk.import_id, 0, ACCEPTED_AT)]) == [(chunk.import_id, 0)]


def test_a_dead_letter_names_its_chunk_with_the_time_of_acceptance() -> None:
    assert named_chunk((12, 3, acceptance_number(ACCEPTED_AT))) == NamedChunk(12, 3, ACCEPTED_AT)
    assert named_chunk((12, 3)) == NamedChunk(12, 3, None)
    assert named_chunk(None) is None
