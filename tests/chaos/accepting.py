"""The api's acceptance of an upload, without HTTP and without a spreadsheet: its rows are read already."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from libs.common.clock import Clock
from libs.common.stores.postgres import Postgres
from libs.common.web.caller import Caller
from libs.contracts.lead_import.internal.messages import ChunkAccepted, Outcome, SettledRow
from libs.spreadsheets.limits import Limits
from services.api.accepting.acceptor import Acceptor, Wish
from services.api.accepting.domain.idempotency import IdempotencyKey, fingerprint
from services.api.accepting.domain.quota import Quota
from services.api.accepting.domain.request import ImportRequest, Upload
from services.api.accepting.reference_cache import ReferenceCache
from services.api.accepting.storing_turns import StoringTurns
from services.api.reading.domain.job import ReadingJob, ReadingResult
from services.api.reading.domain.spool import write_chunk
from services.api.reading.pool import ReadingPool
from tests.support.imports import accepted_chunk, live_rows
from tests.support.platform import Tenant
from tests.support.user import cpf_of

SHA256 = "0" * 64


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file: a Brazilian phone and tag names."""

    phone: str
    tags: list[str] = field(default_factory=list)
    settled: bool = False
    """The api found the phone further up in the file."""

    @property
    def name(self) -> str:
        return f"Lead {self.phone}"

    @property
    def cpf(self) -> str:
        return cpf_of(self.phone)

    @property
    def email(self) -> str:
        return f"lead{self.phone}@clinica.com.br"


GENEROUS = Quota(rows=1_000, imports=100)


@dataclass(frozen=True, slots=True)
class File:
    """An upload of a tenant, under a name and an Idempotency-Key of its own."""

    name: str
    rows: Sequence[Row]
    chunk_rows: int
    tag_ids: list[int]
    quota: Quota = GENEROUS

    async def read(self, tenant: Tenant, job: ReadingJob) -> ReadingResult:
        """Spool the rows as the reading processes do."""
        starts = range(0, len(self.rows), self.chunk_rows)
        with open(job.spool_path, "wb") as spool:  # noqa: ASYNC230 - a few hundred bytes
            for index, start in enumerate(starts):
                some = list(enumerate(self.rows[start : start + self.chunk_rows], start=start + 2))
                chunk = _chunk(tenant, job, some, index, self.tag_ids)
                write_chunk(spool, len(some), chunk.model_dump_json().encode())
        return ReadingResult(total_rows=len(self.rows), chunk_count=len(starts))


async def accept(postgres: Postgres, tenant: Tenant, file: File, *, clock: Clock) -> int:
    """Pass the file through the api's own Acceptor; return the id that the answer 202 holds."""

    class ReadAlready:
        async def read(self, job: ReadingJob) -> ReadingResult:
            return await file.read(tenant, job)

    acceptor = Acceptor(
        postgres=postgres,
        # The one method that accepting calls.
        pool=cast(ReadingPool, ReadAlready()),
        cache=ReferenceCache(0),
        limits=Limits(),
        chunk_rows=file.chunk_rows,
        quota=file.quota,
        clock=clock,
        wake_relay=lambda: None,
        turns=StoringTurns(connections=5),
    )
    request = ImportRequest.model_validate(tenant.data(name=file.name, tag_ids=file.tag_ids))
    with tempfile.TemporaryDirectory(prefix="leadflow-chaos-") as folder:
        home = Path(folder)
        upload = Upload(folder=home, path=home / "upload", sha256=SHA256, file_name=None, data="")
        key = IdempotencyKey(tenant.company_id, file.name, fingerprint(SHA256, request))
        caller = Caller(tenant.user_id, tenant.company_id, {}, None)
        answer: dict[str, Any] = await acceptor.accept(Wish(upload, request, caller, key))
    import_id: int = answer["id"]
    return import_id


def _chunk(
    tenant: Tenant, job: ReadingJob, rows: Sequence[tuple[int, Row]], chunk_index: int, tag_ids: list[int]
) -> ChunkAccepted:
    """Return the chunk of these (row number, row) as the api sends it."""
    alive = [(number, row) for number, row in rows if not row.settled]
    live = live_rows([row.phone for _, row in alive], tags=[list(row.tags) for _, row in alive])
    live = live.model_copy(
        update={
            "row": [number for number, _ in alive],
            "name": [row.name for _, row in alive],
            "cpf": [row.cpf for _, row in alive],
            "email": [row.email for _, row in alive],
        }
    )
    settled = [
        SettledRow(row=number, outcome=Outcome.EXISTING, reason="in_file", cells=["", row.phone, "", "", ""])
        for number, row in rows
        if row.settled
    ]
    return accepted_chunk(
        tenant,
        job.envelope["import_id"],
        live,
        chunk_index=chunk_index,
        settled=settled,
        tag_ids=tag_ids,
        accepted_at=datetime.fromisoformat(job.envelope["accepted_at"]),
    )
