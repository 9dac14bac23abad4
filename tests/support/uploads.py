"""Uploads as the api has received them, given to its Acceptor without HTTP."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from libs.common.clock import utc_now
from libs.common.stores.postgres import Postgres
from libs.common.web.caller import Caller
from libs.spreadsheets.limits import Limits
from services.api.accepting.acceptor import Acceptor, Wish
from services.api.accepting.domain.idempotency import IdempotencyKey, fingerprint
from services.api.accepting.domain.quota import Quota
from services.api.accepting.domain.request import ImportRequest, Upload
from services.api.accepting.reference_cache import ReferenceCache
from services.api.accepting.store import LOCK_SECONDS
from services.api.accepting.storing_turns import StoringTurns
from services.api.reading.pool import ReadingPool
from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.user import csv_file, lead_rows


@asynccontextmanager
async def reading_pool(size: int) -> AsyncIterator[ReadingPool]:
    pool = ReadingPool(size, max_waiting=100)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()


def acceptor(
    postgres: Postgres,
    pool: ReadingPool,
    *,
    quota: Quota | None = None,
    chunk_rows: int = 500,
    connections: int = 5,
    lock_seconds: float = LOCK_SECONDS,
) -> Acceptor:
    return Acceptor(
        postgres=postgres,
        pool=pool,
        cache=ReferenceCache(0),
        limits=Limits(),
        chunk_rows=chunk_rows,
        quota=quota or Quota(rows=5_000, imports=5),
        clock=utc_now,
        wake_relay=lambda: None,
        turns=StoringTurns(connections),
        lock_seconds=lock_seconds,
    )


def wish(
    tenant: Tenant,
    folder: Path,
    phones: list[str],
    *,
    tags: str = "",
    key: str | None = None,
    content: bytes | None = None,
    **data: Any,
) -> Wish:
    """Return a good upload of these phones (or this content) in a folder of its own; ``data`` changes its metadata."""
    content = content or csv_file(lead_rows(phones, tags))
    home = folder / unique("upload")
    home.mkdir()
    (home / "upload").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    request = ImportRequest.model_validate(tenant.data(**data))
    upload = Upload(
        folder=home, path=home / "upload", sha256=sha256, file_name="leads.csv", data=request.model_dump_json()
    )
    caller = Caller(tenant.user_id, tenant.company_id, {"LEADS": frozenset({"IMPORT_LEADS"})}, None)
    kept = IdempotencyKey(tenant.company_id, key, fingerprint(sha256, request)) if key else None
    return Wish(upload, request, caller, kept)
