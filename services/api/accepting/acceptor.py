"""Accepts an upload: from bytes to an import whose rows are all accounted for, or a refusal and nothing stored."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from libs.common.clock import Clock
from libs.common.outbox import event_outbox as outbox
from libs.common.stores.postgres import Postgres
from libs.common.traces import current_trace_headers
from libs.common.web.caller import Caller
from libs.common.web.refusals import Refused
from libs.contracts.lead_import.events import ImportAccepted, ImportStatus
from libs.contracts.lead_import.internal.import_options import SILENT
from libs.contracts.lead_import.topics import IMPORT_ACCEPTED
from libs.fields.custom_values import FieldType, OwnField
from libs.imports.chunk_life import CARRIES_MORE
from libs.imports.metrics import ROWS
from libs.spreadsheets.limits import Limits
from services.api.accepting.domain.answer import AcceptedView, FieldMade
from services.api.accepting.domain.idempotency import IdempotencyKey, answer_again
from services.api.accepting.domain.quota import Quota, check_quota
from services.api.accepting.domain.references import FoundReferences, check_references, wanted_references
from services.api.accepting.domain.request import ImportRequest, Upload
from services.api.accepting.reference_cache import ReferenceCache
from services.api.accepting.store import LOCK_SECONDS, AcceptStore, FieldsMoved, NewImport
from services.api.accepting.storing_turns import StoringTurns
from services.api.reading.domain.job import ReadingJob, ReadingResult
from services.api.reading.domain.spool import read_spool
from services.api.reading.turns import Reads

BEATEN_BY_ITSELF = frozenset({"name_taken", "quota_exceeded"})
"""Refusals that may come of this same request: sent twice at once with one Idempotency-Key, the first takes the name
and the quota, and the second must get the first one's answer instead of a refusal."""


MOST_READS = 5
"""Times that a file is read whose columns become fields, while others make fields of the same names."""


class _AnsweredMeanwhile(Exception):
    """Another request with the same Idempotency-Key committed first."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One upload, and who wants what done with it."""

    upload: Upload
    request: ImportRequest
    caller: Caller
    key: IdempotencyKey | None


@dataclass(frozen=True, slots=True)
class Acceptor:
    """What accepting needs. ``wake_relay`` is called after the commit."""

    postgres: Postgres
    pool: Reads
    cache: ReferenceCache
    limits: Limits
    chunk_rows: int
    quota: Quota
    clock: Clock
    wake_relay: Callable[[], None]
    turns: StoringTurns
    lock_seconds: float = LOCK_SECONDS

    async def accept(self, wish: Wish) -> dict[str, Any]:
        """Accept once; return the answer 202 (``AcceptedView`` as JSON), for a repeated key the first one.

        Raises Refused; then nothing was stored, and nothing counts against the quota.
        """
        answer = await self._kept_answer(wish.key)
        if answer is not None:
            check_account(
                wish.caller, wish.request.account_id
            )  # the answer may be kept from another user of the company, who may use other accounts
            return answer
        try:
            return await self._accept_as_read(wish)
        except _AnsweredMeanwhile:
            answer = await self._kept_answer(wish.key)
        except Refused as refused:
            answer = await self._kept_answer(wish.key) if refused.code in BEATEN_BY_ITSELF else None
            if answer is None:
                raise
        if answer is None:
            raise Refused("unavailable", "The first request with this key was undone; send it again.", retry_after=1)
        return answer

    async def _kept_answer(self, key: IdempotencyKey | None) -> dict[str, Any] | None:
        if key is None:
            return None
        async with AcceptStore.transaction(self.postgres, key.company_id) as accepting:
            kept = await accepting.kept_answer(key)
        return answer_again(kept, key) if kept else None

    async def _accept_as_read(self, wish: Wish) -> dict[str, Any]:
        """Accept; read the file anew when another has made a field meanwhile that its columns were to become."""
        for _ in range(MOST_READS):
            try:
                return await self._accept_new(wish)
            except FieldsMoved:
                continue
        raise Refused("unavailable", "Others make fields of the same names; send it again.", retry_after=1)

    async def _accept_new(self, wish: Wish) -> dict[str, Any]:
        async with AcceptStore.transaction(self.postgres, wish.caller.company_id) as accepting:
            await self._check(accepting, wish, use_cache=True)
            types = await accepting.custom_types(wish.request, company_id=wish.caller.company_id)
            own = await accepting.own_fields(wish.request, company_id=wish.caller.company_id)
            import_id, accepted_at = await accepting.reserve()
        spool = str(wish.upload.folder / "spool")
        found = await self._read(wish, spool, import_id, accepted_at, types, own)
        new = _new_import(wish, found, import_id, accepted_at)
        # The turn first: whoever waits for it holds no connection.
        async with (
            self.turns.one(new.company_id, new.account_id),
            AcceptStore.transaction(self.postgres, new.company_id, lock_seconds=self.lock_seconds) as accepting,
        ):
            if wish.request.parent_id or found.reported:
                given = wish.request.parent_id
                parent_id = await accepting.parent_of(wish.caller, given=given, reported=found.reported)
                new = replace(new, parent_id=parent_id)
            answer = _accepted_view(new, found).model_dump(mode="json")
            await accepting.lock_quota(company_id=new.company_id, account_id=new.account_id)
            if wish.key and not await accepting.keep_answer(wish.key, import_id, json.dumps(answer)):
                raise _AnsweredMeanwhile
            await self._check(accepting, wish, new)
            await accepting.insert_import(new)
            deleted = await accepting.hold_tags(new, wish.request.tag_ids)
            # All was found by the check above; only tags may have been deleted between it and the hold.
            check_references(
                FoundReferences(account=True, source=True, missing_tags=deleted, creator=True), wish.request
            )
            await accepting.insert_chunks(import_id, read_spool(spool))
            if found.new_fields:
                # Last of all that takes long: nobody else of the company makes a field until the commit.
                await accepting.make_fields(found.new_fields, company_id=new.company_id, user_id=new.creator_id)
            await outbox.add_event(
                accepting.connection, IMPORT_ACCEPTED, _accepted_event(new), source="api", time=self.clock()
            )
        ROWS.labels("api", "accepted").inc(new.total_rows)
        self.wake_relay()
        return answer

    async def _check(
        self, accepting: AcceptStore, wish: Wish, new: NewImport | None = None, *, use_cache: bool = False
    ) -> None:
        """Raise Refused unless account, source, tags, name and quota allow the import; None: its file is not read."""
        request, caller = wish.request, wish.caller
        wanted = wanted_references(request, caller.user_id)
        if not (use_cache and self.cache.knows(caller.company_id, wanted)):
            found = await accepting.references(
                company_id=caller.company_id,
                account_id=request.account_id,
                source_id=request.source_id,
                tag_ids=request.tag_ids,
                creator_id=caller.user_id,
            )
            check_references(found, request)
            self.cache.remember(caller.company_id, wanted)
        # Only after the references: an account of another company must be refused as one that does not exist, not as
        # one that is forbidden.
        check_account(caller, request.account_id)
        company_and_account = {"company_id": caller.company_id, "account_id": request.account_id}
        if await accepting.name_taken(account_id=request.account_id, name=request.name):
            raise Refused("name_taken", "Another import of this account has this name.")
        now = await accepting.now()
        past = await accepting.last_hour(**company_and_account, accepted_at=new.accepted_at if new else now, now=now)
        check_quota(self.quota, past, rows=new.total_rows if new else None, now=now)

    async def _read(
        self,
        wish: Wish,
        spool: str,
        import_id: int,
        accepted_at: datetime,
        types: Mapping[str, FieldType],
        own: Sequence[OwnField] | None,
    ) -> ReadingResult:
        request = wish.request
        job = ReadingJob(
            upload_path=str(wish.upload.path),
            spool_path=spool,
            envelope={
                "import_id": import_id,
                "company_id": wish.caller.company_id,
                "account_id": request.account_id,
                "source_id": request.source_id,
                "creator_id": wish.caller.user_id,
                "tag_ids": request.tag_ids,
                "accepted_at": accepted_at.isoformat(),
            }
            | ({"list_id": request.list_id} if request.list_id else {}),
            limits=self.limits,
            on_invalid_row=request.on_invalid_row,
            file=request.file_options,
            corrections=request.corrected,
            custom_types={**types, **{field.key: field.type for field in own or ()}},
            own_fields=own,
            chunk_rows=self.chunk_rows,
        )
        result = await self.pool.read(job)
        if result.refusal is not None:
            raise result.refusal
        # What it became is in the spool. An upload takes up the disk once, however long it then waits for a store; but
        # one that makes fields may have to be read again.
        if not result.new_fields:
            wish.upload.path.unlink(missing_ok=True)
        return result


def check_account(caller: Caller, account_id: int) -> None:
    """Raise Refused unless the caller's token allows the account."""
    if not caller.may_use(account_id):
        raise Refused("account_forbidden", "Your token does not list this account.")


def _new_import(wish: Wish, found: ReadingResult, import_id: int, accepted_at: datetime) -> NewImport:
    request = wish.request
    options = {
        "on_invalid_row": request.on_invalid_row,
        "tag_ids": request.tag_ids,
        "file": found.kept_of_file,
        **({CARRIES_MORE: True} if found.more or request.list_id else {}),
        **({SILENT: True} if request.silent else {}),
        **current_trace_headers(),
    }
    return NewImport(
        import_id=import_id,
        name=request.name,
        creator_id=wish.caller.user_id,
        company_id=wish.caller.company_id,
        source_id=request.source_id,
        account_id=request.account_id,
        total_rows=found.total_rows,
        chunk_count=found.chunk_count,
        file_name=wish.upload.file_name,
        file_sha256=wish.upload.sha256,
        options=json.dumps(options),
        accepted_at=accepted_at,
        corrections=json.dumps(request.corrected) if request.corrections else None,
    )


def _accepted_view(new: NewImport, found: ReadingResult) -> AcceptedView:
    return AcceptedView(
        id=new.import_id,
        status=ImportStatus.PROCESSING,
        name=new.name,
        total_rows=new.total_rows,
        account_id=new.account_id,
        source_id=new.source_id,
        created_at=new.accepted_at,
        left_out=found.left_out,
        new_fields=[FieldMade(key=field.key, label=field.label, type=field.type) for field in found.new_fields],
        parent_id=new.parent_id,
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
