"""Says beforehand what an upload would become. It reads as the import reads and decides as dedup decides."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import structlog

from libs.common.clock import Clock
from libs.common.errors import describe, is_bad_day
from libs.common.messages import ID_LIMIT
from libs.common.stores.mongo import Mongo, answers_within
from libs.common.stores.postgres import Postgres
from libs.common.together import all_or_first_error
from libs.common.web.caller import Caller
from libs.common.web.shares import Shares
from libs.fields.custom_values import FieldType, OwnField
from libs.imports.known_phones import KnownPhones
from libs.imports.phone_look_up import look_up
from libs.spreadsheets.limits import Limits
from services.api.accepting.acceptor import check_account
from services.api.accepting.domain.quota import Quota, QuotaView, quota_left
from services.api.accepting.domain.references import check_references
from services.api.accepting.domain.request import PreviewRequest, Upload
from services.api.accepting.store import AcceptStore
from services.api.previewing import store
from services.api.previewing.domain.cautions import cautions
from services.api.previewing.domain.forecast import Forecasting
from services.api.reading.domain.job import ReadingJob, ReadingResult
from services.api.reading.domain.preview import ROWS_A_PAGE
from services.api.reading.domain.previewed_chunk import PreviewedChunk, of_payload
from services.api.reading.domain.spool import read_spool
from services.api.reading.turns import Reads

log = structlog.get_logger()

CHUNKS_AT_ONCE = 3
"""So many are looked up at the same time: while one store answers about one, the other one does about the next."""
ANSWER_SECONDS = 5.0
"""How long the stores' answer about some chunks is waited for, which takes a fraction of a second: somebody waits for
the preview. By their settings stores are waited for as long as a message can wait, which is far longer."""
NO_IMPORT = ID_LIMIT
"""The id of the import that a preview's chunks belong to: no import has it."""


@dataclass(frozen=True, slots=True)
class Previewer:
    """What previewing needs."""

    postgres: Postgres
    mongo: Mongo
    pool: Reads
    limits: Limits
    chunk_rows: int
    quota: Quota
    clock: Clock
    forecasts: Shares
    """Forecasts that wait for the stores, by company. Who finds no place is answered without one: those that wait hold
    memory and a file each, and where a store does not answer there would be ever more of them."""
    answer_seconds: float = ANSWER_SECONDS

    async def preview(
        self, upload: Upload, request: PreviewRequest, caller: Caller, *, was_read: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """Return the answer as plain values, for ``PreviewView.told``. Raises Refused where the import would be, too,
        but for invalid rows, its name, its quota and missing columns.

        ``was_read`` is called when nothing of the upload is left: what is still to be asked of stores keeps no other
        upload waiting.
        """
        quota, same_file, types, own = await self._check(upload, request, caller)
        found = await self._read(upload, request, caller, types, own)
        shown: dict[str, Any] = json.loads(await asyncio.to_thread(_taken, _preview_path(upload)))
        parent_id = request.parent_id
        if parent_id or found.reported:
            async with AcceptStore.transaction(self.postgres, caller.company_id) as accepting:
                parent_id = await accepting.parent_of(caller, given=parent_id, reported=found.reported)
        settled = Forecasting(found.existing, found.invalid, Counter(shown["reasons"]))
        with self.forecasts.perhaps_one(caller.company_id) as may_ask:
            if not may_ask:
                log.warning("no forecast", error="so many wait for one that there is no place")
                _spool_path(upload).unlink(missing_ok=True)
            was_read()
            asks = may_ask and not shown["missing"]
            forecast, tags = await self._forecast(upload, settled, caller.company_id) if asks else (None, [])
        rows, total_rows = shown["rows"], shown["total_rows"]
        if forecast is not None:
            rows = list(map(forecast.shown, rows))
        return shown | {
            "file": shown["file"] | {"name": upload.file_name, "sha256": upload.sha256},
            "left_out": found.left_out,
            "forecast": forecast
            and {"created": forecast.created, "existing": forecast.existing, "errors": forecast.errors},
            "reasons": dict(forecast.reasons) if forecast else shown["reasons"],
            "rows": rows,
            "page": request.page,
            "pages": max(1, -(-total_rows // ROWS_A_PAGE)),
            "new_tags": tags,
            "quota": quota,
            "same_file": same_file,
            "parent_id": parent_id,
            "warnings": cautions(shown, quota, same_file=bool(same_file), has_forecast=forecast is not None),
        }

    async def _check(
        self, upload: Upload, request: PreviewRequest, caller: Caller
    ) -> tuple[QuotaView, list[dict[str, Any]], dict[str, FieldType], list[OwnField] | None]:
        """Raise Refused unless account, source, tags, fields and list exist; return the quota, imports of the same
        file, types of the company's own fields that are named, and all of these where further columns are kept.
        """
        company_id, account_id = caller.company_id, request.account_id
        async with AcceptStore.transaction(self.postgres, company_id) as accepting:
            found = await accepting.references(
                company_id=company_id,
                account_id=account_id,
                source_id=request.source_id or 0,
                tag_ids=request.tag_ids,
                creator_id=caller.user_id,
            )
            check_references(found if request.source_id else replace(found, source=True), request)
            check_account(caller, account_id)
            types = await accepting.custom_types(request, company_id=company_id)
            own = await accepting.own_fields(request, company_id=company_id)
            now = await accepting.now()
            past = await accepting.last_hour(company_id=company_id, account_id=account_id, accepted_at=now, now=now)
            same_file = await store.same_files(
                accepting.connection,
                company_id=company_id,
                accounts=None if caller.accounts is None else sorted(caller.accounts),
                sha256=upload.sha256,
            )
        return quota_left(self.quota, past, account_id=account_id), same_file, types, own

    async def _read(
        self,
        upload: Upload,
        request: PreviewRequest,
        caller: Caller,
        types: Mapping[str, FieldType],
        own: Sequence[OwnField] | None,
    ) -> ReadingResult:
        job = ReadingJob(
            upload_path=str(upload.path),
            spool_path=str(_spool_path(upload)),
            envelope={
                "import_id": NO_IMPORT,
                "company_id": caller.company_id,
                "account_id": request.account_id,
                "source_id": request.source_id or NO_IMPORT,
                "creator_id": caller.user_id,
                "tag_ids": request.tag_ids,
                "accepted_at": self.clock().isoformat(),
            },
            limits=self.limits,
            on_invalid_row="skip",
            file=request.file_options,
            corrections=request.corrected,
            custom_types={**types, **{field.key: field.type for field in own or ()}},
            own_fields=own,
            preview_path=str(_preview_path(upload)),
            page=request.page,
            chunk_rows=self.chunk_rows,
        )
        result = await self.pool.read(job)
        if result.refusal is not None:
            raise result.refusal
        upload.path.unlink(missing_ok=True)
        return result

    async def _forecast(
        self, upload: Upload, forecast: Forecasting, company_id: int
    ) -> tuple[Forecasting | None, list[str]]:
        """Add to the forecast how live rows would end, and return it and the tags that would be made. None and none
        when a store does not say what it knows.
        """
        try:
            async with asyncio.timeout(self.limits.seconds):
                payloads = (payload for _, _, payload in read_spool(_spool_path(upload)))
                while some := list(islice(payloads, CHUNKS_AT_ONCE)):
                    chunks = list(map(of_payload, some))
                    with answers_within(self.answer_seconds):
                        async with asyncio.timeout(self.answer_seconds):
                            looked = await all_or_first_error(*map(self._known, chunks))
                    for chunk, known in zip(chunks, looked, strict=True):
                        forecast.add(chunk, known)
                async with asyncio.timeout(self.answer_seconds):
                    names = list(forecast.tags.values())
                    return forecast, await store.new_tags(self.postgres, company_id=company_id, names=names)
        except Exception as error:
            if not (isinstance(error, TimeoutError) or is_bad_day(error)):
                raise
            log.warning("no forecast", error=describe(error))
            return None, []

    async def _known(self, chunk: PreviewedChunk) -> KnownPhones:
        return (await look_up(self.postgres, self.mongo, chunk)).known if len(chunk.live) else {}


def _spool_path(upload: Upload) -> Path:
    return upload.folder / "spool"


def _preview_path(upload: Upload) -> Path:
    return upload.folder / "preview.json"


def _taken(path: Path) -> bytes:
    """Return what a file holds, which is then gone."""
    content = path.read_bytes()
    path.unlink()
    return content
