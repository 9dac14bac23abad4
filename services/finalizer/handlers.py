"""finalizer's handlers: the last message of a chunk, and a chunk that ended in the dead letter."""

from collections.abc import Callable

import structlog
from pydantic import ValidationError

from libs.common.errors import BadMessage
from libs.common.kafka.dead_letter import DeadLetter
from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkCreated
from libs.imports.chunk_states import NO_SUCH_CHUNK, NO_SUCH_IMPORT, Acceptance, ChunkOutcome, ChunkState, named_chunk
from services.finalizer.domain import (
    counts,
    outcome_of,
    outcome_of_canceled,
    outcome_of_dead_letter,
    status_of,
)
from services.finalizer.store import ImportStore, Store

log = structlog.get_logger()


async def settle_chunk(chunk: ChunkCreated, *, store: Store, wake_relay: Callable[[], None]) -> None:
    """Settle the chunk; with the last one end the import and put its finished event into the outbox.

    A second run changes nothing: the chunk is settled. A replay of a dead letter replaces its outcome, and
    the import ends again with the next revision. Raises BadMessage when there is no such chunk, or when the import of
    this id is not the one that the message speaks of: it settles nothing of another's.
    """
    async with store.locked_import(Acceptance.of(chunk)) as lead_import:
        if lead_import is None:
            raise BadMessage(NO_SUCH_IMPORT)
        state = await lead_import.chunk(chunk.chunk_index)
        if state is None or state.row_count != chunk.row_count:
            raise BadMessage(NO_SUCH_CHUNK)
        outcome = outcome_of(chunk)
        if not counts(state, outcome):
            return
        await lead_import.settle(chunk.chunk_index, state, outcome)
        await _finish_if_complete(lead_import)
    wake_relay()


async def settle_dead_letter(letter: DeadLetter, *, store: Store, wake_relay: Callable[[], None]) -> None:
    """Settle the rows of a dead-lettered chunk as errors, so that its import ends all the same.

    A second run changes nothing. Letters that are no chunk's, or of an import that is gone, stay in their topic for the
    people on call. A letter that does not say when its import was accepted settles nothing either: its chunk, if it is
    one of ours, is sent again when it has been silent for long enough.
    """
    chunk = named_chunk(letter.piece)
    if chunk is None or chunk.accepted_at is None:
        log.warning("dead letter that names no chunk for sure", topic=letter.original_topic, service_of=letter.service)
        return
    chunk_index = chunk.chunk_index
    async with store.locked_import(Acceptance(chunk.import_id, chunk.accepted_at, company_id=None)) as lead_import:
        state = await lead_import.chunk(chunk_index) if lead_import else None
        if lead_import is None or state is None:
            log.warning("dead letter of an unknown chunk", import_id=chunk.import_id, chunk_index=chunk_index)
            return
        if state.settled:
            return
        outcome = await _outcome_from_payload(lead_import, chunk_index, state.row_count)
        await lead_import.settle(chunk_index, state, outcome)
        await _finish_if_complete(lead_import)
    wake_relay()


async def settle_canceled(import_id: int, *, store: Store, wake_relay: Callable[[], None]) -> None:
    """Settle all chunks of an import that is being canceled, but those that have leads: these end by their own message.

    A few chunks at a time, each time until the commit. A second run goes on behind those that are settled, and ends
    the import if the first could not. The last chunk's own message may do so, too: the import's row decides who.
    """
    after: int | None = -1
    while after is not None:
        async with store.canceled_import(import_id) as lead_import:
            if lead_import is None:
                break
            after = await _settle_some(lead_import, after)
            await _finish_if_complete(lead_import)
    wake_relay()


async def _settle_some(lead_import: ImportStore, after: int) -> int | None:
    """Settle the next few chunks; return the index of the last of them, or None when there were none."""
    chunks = await lead_import.open_chunks(after)
    for chunk in chunks:
        accepted = _accepted(chunk.payload)
        if accepted is None or not await lead_import.has_leads(accepted):
            outcome = outcome_of_canceled(chunk.row_count, accepted)
            state = ChunkState(chunk.row_count, settled=False, dead_lettered=False, total_created=0)
            await lead_import.settle(chunk.chunk_index, state, outcome)
    return chunks[-1].chunk_index if chunks else None


async def _outcome_from_payload(lead_import: ImportStore, chunk_index: int, row_count: int) -> ChunkOutcome:
    payload = await lead_import.payload(chunk_index)
    return outcome_of_dead_letter(row_count, _accepted(payload))


def _accepted(payload: bytes | None) -> ChunkAccepted | None:
    try:
        return ChunkAccepted.model_validate_json(payload or b"")
    except ValidationError:
        return None


async def _finish_if_complete(lead_import: ImportStore) -> None:
    totals = await lead_import.totals()
    if totals is None:
        return
    status, failure_reason = status_of(totals, canceled=lead_import.canceled)
    if await lead_import.finish(status, failure_reason, totals):
        await lead_import.clean_tags()
        log.info("import ended", import_id=lead_import.import_id, status=status, created=totals.created)
