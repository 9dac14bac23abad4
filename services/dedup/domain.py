"""Which live rows are already known: pure."""

from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkDeduplicated, envelope, settle
from libs.imports.known_phones import KnownPhones, verdicts_on


def settle_known(chunk: ChunkAccepted, known: KnownPhones) -> ChunkDeduplicated:
    """Settle as existing each live row whose phone is known."""
    live, settled = settle(chunk, verdicts_on(chunk.live, known))
    return ChunkDeduplicated(**envelope(chunk), live=live, settled=settled)
