"""Which live rows the platform already knows: pure.

dedup settles them by it, and a preview of the api says beforehand what dedup will settle.
"""

from libs.contracts.lead_import.internal.messages import Outcome, Verdict
from libs.imports.live_phones import Phones

LivePhone = tuple[str, str]
"""A live row's phone: (ISO country code, canonical national number)."""

KnownPhones = dict[LivePhone, str]
"""Phones of the chunk that the platform holds in one of their forms, each with the reason code of who holds it."""


def verdicts_on(live: Phones, known: KnownPhones) -> dict[int, Verdict]:
    """Return the verdict on each live row whose phone is known, by its index."""
    verdicts: dict[int, Verdict] = {}
    if known:
        for index, phone in enumerate(zip(live.country_code, live.phone, strict=True)):
            reason = known.get(phone)
            if reason is not None:
                verdicts[index] = Verdict(outcome=Outcome.EXISTING, reason=reason)
    return verdicts
