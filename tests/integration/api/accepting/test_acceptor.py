"""The accepting transaction: everything or nothing is stored, and the database decides every race."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from libs.common.stores.postgres import Postgres
from libs.common.web.refusals import Refused
from libs.contracts.lead_import.events import ImportAccepted
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from services.api.accepting.acceptor import Acceptor, Wish
from services.api.accepting.domain.quota import Quota
from services.api.accepting.store import AcceptStore, NewImport
from services.api.reading.pool import ReadingPool
from tests.support.chunks import new_phones
from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.uploads import acceptor, reading_pool, wish
from tests.support.user import xlsx_file

Answers = list[dict[str, Any] | BaseException]


@pytest_asyncio.fixture(scope="module")
async def pool() -> AsyncIterator[ReadingPool]:
    async with reading_pool(2) as pool:
        yield pool


@pytest.fixture
def accepting(crowd: Postgres, pool: ReadingPool) -> Acceptor:
    return acceptor(crowd, pool, chunk_rows=2)


def new_import(tenant: Tenant, import_id: int, **changes: Any) -> NewImport:
    values: dict[str, Any] = {
        "import_id": import_id,
        "name": unique("Import"),
        "creator_id": tenant.user_id,
        "company_id": tenant.company_id,
        "source_id": tenant.source_id,
        "account_id": tenant.account_id,
        "total_rows": 1,
        "chunk_count": 1,
        "file_name": "ação.csv",
        "file_sha256": "0" * 64,
        "options": "{}",
        "accepted_at": datetime.now(UTC),
    }
    return NewImport(**values | changes)


async def stored(db: Stored, tenant: Tenant) -> int:
    count: int = await db.value(
        "SELECT count(*) FROM amigocare.lead_imports WHERE company_id = :c", c=tenant.company_id
    )
    return count


def codes(answers: Answers) -> list[str]:
    """Return "accepted" or the refusal's code of every answer."""
    said = []
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, Refused):
            raise answer
        said.append(answer.code if isinstance(answer, Refused) else "accepted")
    return sorted(said)


async def test_an_accepted_upload_is_an_import_its_chunks_and_one_event(
    accepting: Acceptor, tenant: Tenant, tmp_path: Path, db: Stored
) -> None:
    phones = new_phones(5)
    wanted = wish(tenant, tmp_path, phones, tags="VIP", tag_ids=[tenant.tag_ids[0]])
    answer = await accepting.accept(wanted)
    assert not wanted.upload.path.exists(), "the disk holds the file or its chunks, not both"
    (row,) = await db.rows("SELECT * FROM amigocare.lead_imports WHERE id = :i", i=answer["id"])
    assert (row["status"], row["total_rows"], row["chunk_count"], row["file_name"]) == ("PROCESSING", 5, 3, "leads.csv")
    assert row["options"]["tag_ids"] == [tenant.tag_ids[0]]
    chunks = await db.rows(
        "SELECT * FROM amigocare.lead_import_chunks WHERE import_id = :i ORDER BY chunk_index", i=answer["id"]
    )
    messages = [ChunkAccepted.model_validate_json(bytes(chunk["payload"])) for chunk in chunks]
    assert [message.chunk_index for message in messages] == [0, 1, 2]
    assert [message.row_count for message in messages] == [chunk["row_count"] for chunk in chunks] == [2, 2, 1]
    assert [phone for message in messages for phone in message.live.phone] == phones
    assert {message.accepted_at for message in messages} == {row["created_at"]}
    events = await db.rows("SELECT * FROM amigocare.outbox WHERE key = :k", k=str(answer["id"]))
    (event,) = [ImportAccepted.model_validate_json(bytes(each["payload"])) for each in events]
    assert (event.import_id, event.total_rows, event.chunk_count) == (answer["id"], 5, 3)


OWN_HEADERS = ["Name", " phone", "CPF", "email\x00", "Tags"]


def text_file(separator: str) -> bytes:
    lines = [OWN_HEADERS, ["Ana", new_phones(1)[0], "", "", ""]]
    return "\n".join(separator.join(cells) for cells in lines).encode()


@pytest.mark.parametrize(
    ("content", "headers", "separator"),
    [
        (text_file(";"), ["Name", " phone", "CPF", "email", "Tags"], ";"),
        (text_file("\t"), ["Name", " phone", "CPF", "email", "Tags"], "\t"),
        (
            xlsx_file([["Ana", new_phones(1)[0], "", "", ""]], header=["NAME", "phone ", "cpf", "email", "tags"]),
            ["NAME", "phone ", "cpf", "email", "tags"],
            None,
        ),
    ],
    ids=["semicolon", "tab", "workbook"],
)
async def test_the_file_s_own_header_and_separator_are_kept(
    accepting: Acceptor,
    tenant: Tenant,
    tmp_path: Path,
    db: Stored,
    content: bytes,
    headers: list[str],
    separator: str | None,
) -> None:
    """As they stand in the file, but for what jsonb refuses."""
    answer = await accepting.accept(wish(tenant, tmp_path, [], content=content))
    options = await db.value("SELECT options FROM amigocare.lead_imports WHERE id = :i", i=answer["id"])
    assert options["file"] == {"headers": headers, "separator": separator, "marks_cuts": True}
    assert {"on_invalid_row", "tag_ids"} <= set(options)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"account_id": 2**31 - 1}, "account_not_found"),
        ({"account_id": "other company"}, "account_not_found"),
        ({"source_id": 2**31 - 1}, "source_not_found"),
        ({"source_id": "deleted"}, "source_not_found"),
        ({"tag_ids": [2**31 - 1]}, "tags_not_found"),
        ({"tag_ids": "other company"}, "tags_not_found"),
    ],
    ids=str,
)
async def test_what_does_not_exist_for_the_company_refuses_the_upload_and_stores_nothing(
    accepting: Acceptor,
    tenant: Tenant,
    other_tenant: Tenant,
    tmp_path: Path,
    db: Stored,
    change: dict[str, Any],
    code: str,
) -> None:
    others: dict[tuple[str, Any], Any] = {
        ("account_id", "other company"): other_tenant.account_id,
        ("source_id", "deleted"): tenant.deleted_source_id,
        ("tag_ids", "other company"): [tenant.tag_ids[0], other_tenant.tag_ids[0]],
    }
    data = {name: others.get((name, str(value)), value) for name, value in change.items()}
    with pytest.raises(Refused) as refused:
        await accepting.accept(wish(tenant, tmp_path, new_phones(1), **data))
    assert refused.value.code == code
    assert await stored(db, tenant) == 0


async def test_of_two_names_inserted_at_once_the_unique_index_lets_one_pass(
    crowd: Postgres, tenant: Tenant, db: Stored
) -> None:
    inserted = asyncio.Event()

    async def insert(name: str, *, first: bool) -> None:
        async with AcceptStore.transaction(crowd, tenant.company_id) as transaction:
            import_id, _ = await transaction.reserve()
            if not first:
                await inserted.wait()
            await transaction.insert_import(new_import(tenant, import_id, name=name))
            inserted.set()
            await asyncio.sleep(0.2 if first else 0)  # the other meets a name that is not committed yet

    answers = await asyncio.gather(insert("Feira", first=True), insert("FEIRA", first=False), return_exceptions=True)
    assert answers[0] is None
    assert isinstance(answers[1], Refused)
    assert answers[1].code == "name_taken"
    assert await stored(db, tenant) == 1


@pytest.mark.parametrize("free", ["other account", "other company", "deleted import"])
async def test_a_name_is_taken_within_its_account_only(
    free: str, accepting: Acceptor, tenant: Tenant, other_tenant: Tenant, tmp_path: Path, db: Stored
) -> None:
    first = await accepting.accept(wish(tenant, tmp_path, new_phones(1), name="Feira"))
    with pytest.raises(Refused, check=lambda refused: refused.code == "name_taken"):
        await accepting.accept(wish(tenant, tmp_path, new_phones(1), name=" fEIRA "))
    if free == "deleted import":
        await db.execute("UPDATE amigocare.lead_imports SET is_deleted = true WHERE id = :i", i=first["id"])
    account_id = {"other account": tenant.other_account_id, "other company": other_tenant.account_id}.get(free)
    whose = other_tenant if free == "other company" else tenant
    change: dict[str, Any] = {"account_id": account_id} if account_id else {}
    await accepting.accept(wish(whose, tmp_path, new_phones(1), name="Feira", **change))


async def at_once(crowd: Postgres, pool: ReadingPool, wishes: list[Wish], quota: Quota | None = None) -> Answers:
    """Return the answers to simultaneous uploads, each to a process of its own: the database alone decides."""
    processes = [acceptor(crowd, pool, quota=quota, chunk_rows=2) for _ in wishes]
    accepted = (process.accept(each) for process, each in zip(processes, wishes, strict=True))
    return await asyncio.gather(*accepted, return_exceptions=True)


async def test_twenty_simultaneous_uploads_never_pass_the_quota_together(
    crowd: Postgres, pool: ReadingPool, tenant: Tenant, tmp_path: Path, db: Stored
) -> None:
    wishes = [wish(tenant, tmp_path, new_phones(3)) for _ in range(20)]
    answers = await at_once(crowd, pool, wishes, Quota(rows=10, imports=100))
    assert codes(answers) == ["accepted"] * 3 + ["quota_exceeded"] * 17
    for answer in answers:
        if isinstance(answer, Refused):
            assert 3590 <= (answer.retry_after or 0) <= 3600
    assert await stored(db, tenant) == 3


async def test_simultaneous_uploads_of_other_accounts_and_companies_have_quotas_of_their_own(
    crowd: Postgres, pool: ReadingPool, tenant: Tenant, other_tenant: Tenant, tmp_path: Path
) -> None:
    wishes = [
        wish(whose, tmp_path, new_phones(1), account_id=account_id)
        for whose, account_id in (
            (tenant, tenant.account_id),
            (tenant, tenant.other_account_id),
            (other_tenant, other_tenant.account_id),
        )
        for _ in range(4)
    ]
    answers = await at_once(crowd, pool, wishes, Quota(rows=100, imports=2))
    assert codes(answers) == ["accepted"] * 6 + ["quota_exceeded"] * 6


async def test_of_simultaneous_uploads_of_one_name_one_is_accepted(
    crowd: Postgres, pool: ReadingPool, tenant: Tenant, tmp_path: Path, db: Stored
) -> None:
    wishes = [wish(tenant, tmp_path, new_phones(1), name="Feira") for _ in range(5)]
    answers = await at_once(crowd, pool, wishes)
    assert codes(answers) == ["accepted"] + ["name_taken"] * 4
    assert await stored(db, tenant) == 1


async def test_simultaneous_uploads_with_one_idempotency_key_are_one_import_with_one_answer(
    crowd: Postgres, pool: ReadingPool, tenant: Tenant, tmp_path: Path, db: Stored
) -> None:
    phones, key = new_phones(2), unique("key")
    wishes = [wish(tenant, tmp_path, phones, key=key, name="Feira") for _ in range(5)]
    answers = await at_once(crowd, pool, wishes)
    assert codes(answers) == ["accepted"] * 5
    assert all(answer == answers[0] for answer in answers)
    assert await stored(db, tenant) == 1


async def test_the_quota_lock_is_the_accounts_own(crowd: Postgres, tenant: Tenant) -> None:

    async def lock(account_id: int) -> None:
        async with AcceptStore.transaction(crowd, tenant.company_id) as transaction:
            await transaction.lock_quota(company_id=tenant.company_id, account_id=account_id)

    async with AcceptStore.transaction(crowd, tenant.company_id) as transaction:
        await transaction.lock_quota(company_id=tenant.company_id, account_id=tenant.account_id)
        await asyncio.wait_for(lock(tenant.other_account_id), 5)
        waiting = asyncio.create_task(lock(tenant.account_id))
        await asyncio.sleep(0.2)  # time enough to get a lock that nobody holds
        assert not waiting.done()
    await asyncio.wait_for(waiting, 5)


async def test_a_refusal_at_the_last_step_leaves_nothing_behind(
    accepting: Acceptor, tenant: Tenant, tmp_path: Path, db: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await db.value("SELECT count(*) FROM amigocare.outbox")

    async def fails(self: AcceptStore, import_id: int, chunks: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(AcceptStore, "insert_chunks", fails)
    key = unique("key")
    with pytest.raises(ConnectionResetError):
        await accepting.accept(wish(tenant, tmp_path, new_phones(1), key=key))
    assert await stored(db, tenant) == 0
    assert await db.value("SELECT count(*) FROM amigocare.outbox") == before
    assert await db.value("SELECT count(*) FROM amigocare.idempotency_keys WHERE key = :k", k=key) == 0


async def test_chunks_are_stored_however_many_there_are(crowd: Postgres, tenant: Tenant, db: Stored) -> None:
    chunks = [(index, 1, b"x" * index) for index in range(30)]
    async with AcceptStore.transaction(crowd, tenant.company_id) as transaction:
        import_id, _ = await transaction.reserve()
        await transaction.insert_import(new_import(tenant, import_id, chunk_count=30, total_rows=30))
        await transaction.insert_chunks(import_id, iter(chunks))
    rows = await db.rows(
        "SELECT * FROM amigocare.lead_import_chunks WHERE import_id = :i ORDER BY chunk_index", i=import_id
    )
    assert [(row["chunk_index"], row["row_count"], bytes(row["payload"])) for row in rows] == chunks


async def test_a_tag_that_is_deleted_while_the_upload_is_accepted_is_told(
    crowd: Postgres, tenant: Tenant, db: Stored
) -> None:
    gone, *kept = tenant.tag_ids
    async with AcceptStore.transaction(crowd, tenant.company_id) as transaction:
        import_id, _ = await transaction.reserve()
        new = new_import(tenant, import_id)
        await transaction.insert_import(new)
        await db.execute("UPDATE amigocare.tags SET is_deleted = true WHERE id = :i", i=gone)
        assert await transaction.hold_tags(new, tenant.tag_ids) == [gone]
        assert await transaction.hold_tags(new, []) == []
    held = await db.rows("SELECT * FROM amigocare.lead_import_tags WHERE import_id = :i ORDER BY tag_id", i=import_id)
    assert [(row["tag_id"], row["created_here"]) for row in held] == [(tag_id, False) for tag_id in kept]
