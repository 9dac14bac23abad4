"""Accepts an upload: from bytes to an import whose rows are all accounted for, or a refusal and nothing stored."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from libs.common import outbox
from libs.common.auth import Caller
from libs.common.events.lead_import import ImportAccepted
from libs.common.events.topics import IMPORT_ACCEPTED
from libs.common.kafka.broker import Clock
from libs.common.observability import current_trace_headers
from services.api.domain.job import Limits, ParseJob, ParseResult
from services.api.domain.problems import Detail, Refused
from services.api.domain.quota import Quota, check_quota
from services.api.domain.request import ImportRequest
from services.api.domain.spool import read_spool
from services.api.parsing import ParserPool
from services.api.references import ReferenceCache
from services.api.store import AcceptStore, NewImport, References, Store
from services.api.upload import Upload


@dataclass(frozen=True, slots=True)
class Acceptor:
    """What accepting needs. ``wake_relay`` is called after the commit."""

    store: Store
    parsers: ParserPool
    cache: ReferenceCache
    limits: Limits
    chunk_rows: int
    quota: Quota
    clock: Clock
    wake_relay: Callable[[], None]

    async def accept(self, upload: Upload, request: ImportRequest, caller: Caller) -> NewImport:
        """Validate everything, then store import, chunks and event in one transaction.

        Raises Refused; then nothing was stored, and nothing counts against the quota.
        """
        if not caller.may_use(request.account_id) and await self._account_exists(request, caller):
            raise Refused("account_forbidden", "Your token does not list this account.")
        async with self.store.transaction() as accepting:
            await self._check(accepting, request, caller, rows=0, use_cache=True)
            import_id, accepted_at = await accepting.reserve()
        spool = upload.folder / "spool"
        result = await self._parse(upload, spool, request, caller, import_id, accepted_at)
        new = _new_import(upload, request, caller, result, import_id, accepted_at)
        async with self.store.transaction() as accepting:
            await accepting.lock_quota(company_id=caller.company_id, account_id=request.account_id)
            await self._check(accepting, request, caller, rows=result.total_rows, use_cache=False)
            await accepting.insert_import(new)
            await accepting.insert_chunks(import_id, _chunks(spool))
            await outbox.add_event(
                accepting.connection, IMPORT_ACCEPTED, _accepted_event(new), source="api", time=self.clock()
            )
        self.wake_relay()
        return new

    async def _account_exists(self, request: ImportRequest, caller: Caller) -> bool:
        # Another company's account answers as one that does not exist, whatever the token lists.
        async with self.store.transaction() as accepting:
            return (await _references(accepting, request, caller)).account

    async def _check(
        self, accepting: AcceptStore, request: ImportRequest, caller: Caller, *, rows: int, use_cache: bool
    ) -> None:
        wanted = [("account", request.account_id), ("source", request.source_id), ("user", caller.user_id)]
        wanted += [("tag", tag_id) for tag_id in request.tag_ids]
        if not (use_cache and self.cache.knows(caller.company_id, wanted)):
            found = await _references(accepting, request, caller)
            if not found.account:
                raise Refused("account_not_found", f"There is no messaging account {request.account_id}.")
            if not found.creator:
                raise Refused("token_invalid", "The token's user is not one of the company.")
            if not found.source:
                raise Refused("source_not_found", f"There is no lead source {request.source_id}.")
            if found.missing_tags:
                missing = sorted(found.missing_tags)
                raise Refused(
                    "tags_not_found",
                    "There is no tag " + ", ".join(str(tag_id) for tag_id in missing) + ".",
                    errors=[
                        Detail("tags_not_found", f"There is no tag {tag_id}.", column="tag_ids") for tag_id in missing
                    ],
                    total_errors=len(missing),
                )
            self.cache.remember(caller.company_id, wanted)
        place = {"company_id": caller.company_id, "account_id": request.account_id}
        if await accepting.name_taken(**place, name=request.name):
            raise Refused("name_taken", "Another import of this account has this name.")
        past, now = await accepting.last_hour(**place)
        check_quota(self.quota, past, rows=rows, now=now)

    async def _parse(
        self,
        upload: Upload,
        spool: Path,
        request: ImportRequest,
        caller: Caller,
        import_id: int,
        accepted_at: datetime,
    ) -> ParseResult:
        result = await self.parsers.parse(
            ParseJob(
                upload_path=str(upload.path),
                spool_path=str(spool),
                envelope={
                    "import_id": import_id,
                    "company_id": caller.company_id,
                    "account_id": request.account_id,
                    "source_id": request.source_id,
                    "creator_id": caller.user_id,
                    "tag_ids": request.tag_ids,
                    "accepted_at": accepted_at.isoformat(),
                },
                limits=self.limits,
                on_invalid_row=request.on_invalid_row,
                chunk_rows=self.chunk_rows,
            )
        )
        if result.refusal is not None:
            raise result.refusal
        return result


async def _references(accepting: AcceptStore, request: ImportRequest, caller: Caller) -> References:
    return await accepting.references(
        company_id=caller.company_id,
        account_id=request.account_id,
        source_id=request.source_id,
        tag_ids=request.tag_ids,
        creator_id=caller.user_id,
    )


def _chunks(spool: Path) -> Iterator[tuple[int, int, bytes]]:
    return read_spool(str(spool))


def _new_import(
    upload: Upload,
    request: ImportRequest,
    caller: Caller,
    result: ParseResult,
    import_id: int,
    accepted_at: datetime,
) -> NewImport:
    options = {"on_invalid_row": request.on_invalid_row, "tag_ids": request.tag_ids} | current_trace_headers()
    return NewImport(
        import_id=import_id,
        name=request.name,
        creator_id=caller.user_id,
        company_id=caller.company_id,
        source_id=request.source_id,
        account_id=request.account_id,
        total_rows=result.total_rows,
        chunk_count=result.chunk_count,
        file_name=upload.file_name,
        file_sha256=result.sha256,
        options=json.dumps(options),
        accepted_at=accepted_at,
    )


def _accepted_event(new: NewImport) -> ImportAccepted:
    return ImportAccepted(
        import_id=new.import_id,
        company_id=new.company_id,
        account_id=new.account_id,
        source_id=new.source_id,
        creator_id=new.creator_id,
        total_rows=new.total_rows,
        chunk_count=new.chunk_count,
        accepted_at=new.accepted_at,
    )
