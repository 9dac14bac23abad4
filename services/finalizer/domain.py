"""When a chunk's outcome counts, and how an import ends: pure."""

from libs.contracts.lead_import.events import ImportStatus
from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkCreated, Outcome, SettledRow
from libs.imports.chunk_states import CANCELED, ChunkOutcome, ChunkState, Totals

CHUNK_DEAD_LETTERED = "chunk_dead_lettered"
"""The reason of rows, and of imports, that ended because a chunk went to the dead letter."""


def outcome_of(chunk: ChunkCreated) -> ChunkOutcome:
    """Count a chunk's last message."""
    existing = sum(row.outcome is Outcome.EXISTING for row in chunk.settled)
    return ChunkOutcome(
        created=len(chunk.live), existing=existing, errors=len(chunk.settled) - existing, rows=chunk.settled
    )


def outcome_of_dead_letter(row_count: int, accepted: ChunkAccepted | None) -> ChunkOutcome:
    """Settle every row that was live as an error; what the api had settled stays as it was.

    ``accepted`` is the chunk as the api sent it, or None when even that can't be read.
    """
    return _without_leads(row_count, accepted, CHUNK_DEAD_LETTERED)


def outcome_of_canceled(row_count: int, accepted: ChunkAccepted | None) -> ChunkOutcome:
    """Do the same with a chunk of which no lead was made when its import was canceled."""
    return _without_leads(row_count, accepted, CANCELED)


def _without_leads(row_count: int, accepted: ChunkAccepted | None, reason: str) -> ChunkOutcome:
    dead_lettered = reason == CHUNK_DEAD_LETTERED
    if accepted is None:
        return ChunkOutcome(created=0, existing=0, errors=row_count, rows=[], dead_lettered=dead_lettered)
    lost = [
        SettledRow(row=row, outcome=Outcome.ERROR, reason=reason, cells=accepted.live.original_cells(index))
        for index, row in enumerate(accepted.live.row)
    ]
    rows = [*accepted.settled, *lost]
    existing = sum(row.outcome is Outcome.EXISTING for row in rows)
    errors = len(rows) - existing
    return ChunkOutcome(created=0, existing=existing, errors=errors, rows=rows, dead_lettered=dead_lettered)


def counts(state: ChunkState, outcome: ChunkOutcome) -> bool:
    """Tell whether an outcome changes what is known of the chunk.

    A repeat changes nothing. A replay replaces a dead letter. A lead that was made stays made, so an outcome
    with more created rows replaces one with fewer, whatever order they come in.
    """
    if not state.settled:
        return True
    if outcome.dead_lettered:
        return False
    return state.dead_lettered or outcome.created > state.total_created


def status_of(totals: Totals, *, canceled: bool) -> tuple[ImportStatus, str | None]:
    """Return the import's last status, and why it failed. Who canceled it is told so, whatever was still made of it."""
    if canceled:
        return ImportStatus.FAILED, CANCELED
    if totals.dead_lettered:
        return ImportStatus.FAILED, CHUNK_DEAD_LETTERED
    return ImportStatus.FINISHED, None
