"""Which live rows are already known: pure."""

from libs.common.events.chunk import (
    ChunkAccepted,
    ChunkDeduplicated,
    LiveRows,
    Outcome,
    Verdict,
    envelope,
    settle,
)
from libs.common.phones import both_forms

Phone = tuple[str, str]
"""(ISO country code, national number as stored)."""

KnownPhones = dict[Phone, str]
"""Phones that the platform holds, each with the reason code of who holds it."""


def phones_to_look_up(live: LiveRows) -> list[Phone]:
    """Return every form in which the platform may hold the rows' phones: old mobiles lack the ninth digit."""
    return [
        (country, form)
        for country, phone in zip(live.country_code, live.phone, strict=True)
        for form in both_forms(country, phone)
    ]


def settle_known(chunk: ChunkAccepted, known: KnownPhones) -> ChunkDeduplicated:
    """Settle as existing each live row whose phone is known in one of its forms."""
    verdicts: dict[int, Verdict] = {}
    if known:
        for index, (country, phone) in enumerate(zip(chunk.live.country_code, chunk.live.phone, strict=True)):
            for form in both_forms(country, phone):
                reason = known.get((country, form))
                if reason is not None:
                    verdicts[index] = Verdict(outcome=Outcome.EXISTING, reason=reason)
                    break
    live, settled = settle(chunk, verdicts)
    return ChunkDeduplicated(**envelope(chunk), live=live, settled=settled)
