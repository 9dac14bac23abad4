"""Imports in the tests' own database, as the api would have accepted them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.events import ImportAccepted
from libs.contracts.lead_import.internal.messages import (
    ChunkAccepted,
    ChunkDeduplicated,
    ChunkTagged,
    LiveRows,
    SettledRow,
    TaggedRows,
)
from services.api.reading.domain.job import ReadingJob
from services.api.settings import Settings
from tests.support.platform import Tenant
from tests.support.readers import Stored

ACCEPTED_AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def live_rows(phones: list[str], *, first_row: int = 2, tags: list[list[str]] | None = None) -> LiveRows:
    """Return live rows of Brazilian phones (DDD and number, typed with brackets), named after them."""
    count = len(phones)
    return LiveRows(
        row=list(range(first_row, first_row + count)),
        name=[f"Lead {phone}" for phone in phones],
        dial_code=["55"] * count,
        country_code=["BR"] * count,
        phone=phones,
        cpf=[None] * count,
        email=[None] * count,
        tags=tags or [[] for _ in phones],
        cells=[[f"({phone[:2]}) {phone[2:]}"] for phone in phones],
    )


CHUNK_ROWS: int = Settings.model_fields["chunk_rows"].default
"""As the api reads files unless it is told otherwise."""


def reading_job(tenant: Tenant, import_id: int, folder: Path, **changes: Any) -> ReadingJob:
    """Return the job of reading ``folder / "upload"`` as an upload of the tenant; the chunks go to ``spool`` there."""
    envelope = {
        "import_id": import_id,
        "company_id": tenant.company_id,
        "account_id": tenant.account_id,
        "source_id": tenant.source_id,
        "creator_id": tenant.user_id,
        "tag_ids": [],
        "accepted_at": ACCEPTED_AT.isoformat(),
    } | changes.pop("envelope", {})
    options = {"chunk_rows": CHUNK_ROWS} | changes
    return ReadingJob(
        upload_path=str(folder / "upload"), spool_path=str(folder / "spool"), envelope=envelope, **options
    )


def accepted_chunk(
    tenant: Tenant,
    import_id: int,
    live: LiveRows,
    *,
    chunk_index: int = 0,
    settled: list[SettledRow] | None = None,
    tag_ids: list[int] | None = None,
    accepted_at: datetime = ACCEPTED_AT,
) -> ChunkAccepted:
    """Return a chunk as the api sends it."""
    return ChunkAccepted(
        import_id=import_id,
        chunk_index=chunk_index,
        company_id=tenant.company_id,
        account_id=tenant.account_id,
        source_id=tenant.source_id,
        creator_id=tenant.user_id,
        tag_ids=tag_ids or [],
        accepted_at=accepted_at,
        row_count=len(live) + len(settled or []),
        live=live,
        settled=settled or [],
    )


def deduplicated(chunk: ChunkAccepted) -> ChunkDeduplicated:
    """Return the chunk as dedup passes it on when it knows none of its phones."""
    return ChunkDeduplicated.model_validate(chunk.model_dump())


def tagged(chunk: ChunkAccepted, row_tag_ids: list[list[int]] | None = None) -> ChunkTagged:
    """Return the chunk as tagger passes it on, with these tags a row."""
    fields: dict[str, Any] = {name: getattr(chunk, name) for name in ChunkAccepted.model_fields if name != "live"}
    live = TaggedRows(**chunk.live.model_dump(), row_tag_ids=row_tag_ids or [[] for _ in range(len(chunk.live))])
    return ChunkTagged(**fields, live=live)


async def insert_import(
    postgres: Postgres,
    tenant: Tenant,
    *,
    row_counts: list[int],
    name: str,
    payloads: list[bytes] | None = None,
    accepted_at: datetime = ACCEPTED_AT,
) -> int:
    """Insert an accepted import with chunks of these sizes; return its id."""
    async with postgres.transaction() as connection:
        inserted = await connection.execute(
            text(
                "INSERT INTO amigocare.lead_imports (name, creator_id, company_id, source_id, account_id, total_rows,"
                " chunk_count, file_sha256, created_at, updated_at) VALUES"
                " (:name, :user, :company, :source, :account, :rows, :chunks, :sha, :accepted_at, :accepted_at)"
                " RETURNING id"
            ),
            {
                "name": name,
                "user": tenant.user_id,
                "company": tenant.company_id,
                "source": tenant.source_id,
                "account": tenant.account_id,
                "rows": sum(row_counts),
                "chunks": len(row_counts),
                "sha": "0" * 64,
                "accepted_at": accepted_at,
            },
        )
        import_id: int = inserted.scalar_one()
        for index, row_count in enumerate(row_counts):
            await connection.execute(
                text(
                    "INSERT INTO amigocare.lead_import_chunks (import_id, chunk_index, row_count, payload)"
                    " VALUES (:import, :index, :rows, :payload)"
                ),
                {
                    "import": import_id,
                    "index": index,
                    "rows": row_count,
                    "payload": payloads[index] if payloads else b"{}",
                },
            )
    return import_id


async def insert_imports(postgres: Postgres, tenant: Tenant, count: int, *, chunks: int, size: int) -> list[int]:
    """Insert so many accepted imports, each of so many chunks of so many bytes; return their ids."""
    named = {"user": tenant.user_id, "company": tenant.company_id}
    named |= {"source": tenant.source_id, "account": tenant.account_id, "chunks": chunks, "count": count}
    async with postgres.transaction() as connection:
        inserted = await connection.execute(
            text(
                "INSERT INTO amigocare.lead_imports (name, creator_id, company_id, source_id, account_id, total_rows,"
                " chunk_count, file_sha256) SELECT 'queued ' || number, :user, :company, :source, :account, :chunks,"
                " :chunks, repeat('0', 64) FROM generate_series(1, :count) AS number RETURNING id"
            ),
            named,
        )
        ids = sorted(inserted.scalars())
        await connection.execute(
            text(
                "INSERT INTO amigocare.lead_import_chunks (import_id, chunk_index, row_count, payload)"
                " SELECT id, index, 1, decode(repeat('7b', :size), 'hex')"
                " FROM unnest(CAST(:ids AS int[])) AS id, generate_series(0, :chunks - 1) AS index"
            ),
            {"ids": ids, "chunks": chunks, "size": size},
        )
    return ids


def import_accepted(import_id: int) -> ImportAccepted:
    """Return the event of an import of one row, which is all that readers of the outbox need."""
    named = {"company_id": 1, "account_id": 1, "source_id": 1, "creator_id": 1, "total_rows": 1, "chunk_count": 1}
    return ImportAccepted(import_id=import_id, accepted_at=ACCEPTED_AT, **named)


async def mark_chunk(db: Stored, import_id: int, index: int, **ago: float | None) -> None:
    """Set a time column of a chunk to so many seconds ago."""
    for column, seconds in ago.items():
        await db.execute(
            f"UPDATE amigocare.lead_import_chunks SET {column} = now() - make_interval(secs => :s)"
            " WHERE import_id = :i AND chunk_index = :c",
            s=seconds,
            i=import_id,
            c=index,
        )
