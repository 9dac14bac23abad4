"""What waits and what is open, of all companies, as those who watch are told; no number rather than an old one."""

import uuid
from math import isnan

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from libs.common.clock import utc_now
from libs.common.settings import PostgresSettings
from libs.common.stores.postgres import Postgres
from services.finalizer.overview import ALL, OverviewWatch
from services.finalizer.store import Store
from tests.support.imports import insert_import, mark_chunk
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.ports import free_port
from tests.support.readers import Stored

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def store(pipeline: Pipeline) -> Store:
    return pipeline.finalizer_store


MINUTE, HOUR = 60, 3600


def told(name: str) -> float:
    found = REGISTRY.get_sample_value(f"leadflow_{name}")
    assert found is not None
    return found


async def test_it_tells_what_is_open_and_for_how_long(
    store: Store, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    watch = OverviewWatch(store, watch_seconds=1)
    await db.execute("DELETE FROM amigocare.outbox")
    await watch.turn()
    names = ("outbox_waiting", "outbox_age_seconds", "imports_in_progress", "import_age_seconds")
    assert [told(name) for name in names] == [0, 0, 0, 0]
    dead_before = told("open_dead_letters")

    old, young = [await insert_import(postgres, tenant, row_counts=[1, 1], name=unique("n")) for _ in range(2)]
    age = "UPDATE amigocare.lead_imports SET created_at = now() - make_interval(secs => :s) WHERE id = :i"
    await db.execute(age, s=HOUR, i=old)
    await db.execute(age, s=MINUTE, i=young)
    event = "INSERT INTO amigocare.outbox (topic, key, headers, payload, created_at) VALUES ('t', 'k', '{}', '', "
    for seconds in (2 * MINUTE, MINUTE):
        await db.execute(f"{event} now() - make_interval(secs => :s))", s=seconds)
    dead = "UPDATE amigocare.lead_import_chunks SET dead_lettered = true, settled_at = now() WHERE import_id = :i"
    await db.execute(f"{dead} AND chunk_index = 1", i=young)
    await watch.turn()
    assert told("imports_in_progress") == 2
    assert told("import_age_seconds") == pytest.approx(HOUR, abs=30)
    assert told("outbox_waiting") == 2
    assert told("outbox_age_seconds") == pytest.approx(2 * MINUTE, abs=30)
    assert told("open_dead_letters") == dead_before + 1
    await db.execute("DELETE FROM amigocare.outbox")


async def test_what_ended_in_the_dead_letter_of_an_import_that_was_taken_back_is_not_open(
    store: Store, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    """A replay leaves it alone: whoever is called because of it could do nothing."""
    watch = OverviewWatch(store, watch_seconds=1)
    await watch.turn()
    dead_before = told("open_dead_letters")
    import_id = await insert_import(postgres, tenant, row_counts=[1, 1], name=unique("n"))
    dead = "UPDATE amigocare.lead_import_chunks SET dead_lettered = true, settled_at = now() WHERE import_id = :i"
    await db.execute(f"{dead} AND chunk_index = 1", i=import_id)
    await watch.turn()
    assert told("open_dead_letters") == dead_before + 1
    undone = "INSERT INTO amigocare.lead_import_undos (import_id, requester_id, total) VALUES (:i, :u, 0)"
    await db.execute(undone, i=import_id, u=tenant.user_id)
    await watch.turn()
    assert told("open_dead_letters") == dead_before


async def test_there_is_no_number_while_the_database_does_not_answer(
    stores: tuple[PostgresSettings, object],
) -> None:
    address = SecretStr(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    away = Postgres(stores[0].model_copy(update={"postgres_url": address}), application_name="tests")
    watch = OverviewWatch(Store(away, clock=utc_now), watch_seconds=1)
    await watch.turn()
    assert all(isnan(gauge._value.get()) for gauge in ALL)
    assert "ConnectionRefusedError" in str(watch.trouble.lasting())
    await away.close()


def waiting() -> float | None:
    return REGISTRY.get_sample_value("leadflow_chunks_waiting", {"service": "finalizer"})


async def test_it_tells_how_many_chunks_nobody_has_in_hand(
    store: Store, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    """Neither those that were sent, nor those that a relay is sending; but those that one has given back."""
    watch = OverviewWatch(store, watch_seconds=1)
    await watch.turn()
    assert waiting() == 0
    import_id = await insert_import(postgres, tenant, row_counts=[1] * 5, name=unique("n"))
    await mark_chunk(db, import_id, 0, sent_at=0)
    await mark_chunk(db, import_id, 1, sent_at=5, settled_at=0)
    lease = "UPDATE amigocare.lead_import_chunks SET lease = :lease, lease_until = now() + make_interval(secs => :s)"
    this = " WHERE import_id = :i AND chunk_index = :c"
    await db.execute(lease + this, lease=uuid.uuid4(), s=20, i=import_id, c=2)
    await db.execute(lease + this, lease=None, s=20, i=import_id, c=3)
    await watch.turn()
    assert waiting() == 2, "the one that was given back, and the one that nobody has looked at yet"
    await db.execute(lease + this, lease=uuid.uuid4(), s=-1, i=import_id, c=2)
    await watch.turn()
    assert waiting() == 3, "whose relay died has nobody either"


async def test_while_nobody_can_count_it_tells_no_number(
    store: Store, postgres: Postgres, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await insert_import(postgres, tenant, row_counts=[1], name=unique("n"))
    watch = OverviewWatch(store, watch_seconds=1)
    await watch.turn()
    assert waiting() == 1

    async def is_away() -> None:
        raise ConnectionResetError

    monkeypatch.setattr(store, "overview", is_away)
    await watch.turn()
    count = waiting()
    assert count is not None
    assert isnan(count)
