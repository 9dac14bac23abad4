"""Which live rows are already known: pure."""

from libs.contracts.lead_import.internal.messages import (
    ChunkAccepted,
    ChunkDeduplicated,
    Outcome,
    Verdict,
    envelope,
    settle,
)

LivePhone = tuple[str, str]
"""A live row's phone: (ISO country code, canonical national number)."""

KnownPhones = dict[LivePhone, str]
"""Phones of the chunk that the platform holds in one of their forms, each with the reason code of who holds it."""


def settle_known(chunk: ChunkAccepted, known: KnownPhones) -> ChunkDeduplicated:
    """Settle as existing each live row whose phone is known."""
    verdicts: dict[int, Verdict] = {}
    if known:
        for index, phone in enumerate(zip(chunk.live.country_code, chunk.live.phone, strict=True)):
            reason = known.get(phone)
            if reason is not None:
                verdicts[index] = Verdict(outcome=Outcome.EXISTING, reason=reason)
    live, settled = settle(chunk, verdicts)
    return ChunkDeduplicated(**envelope(chunk), live=live, settled=settled)
