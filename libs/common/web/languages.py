"""Which language a caller wants to be answered in (RFC 9110, section 12.5.4)."""

from collections.abc import Sequence

_MOST_WANTED = 20
"""Languages of a header that are looked at. A longer one is no fault of its reader: browsers write it by themselves."""


def wanted_language(accepted: str | None, offered: Sequence[str]) -> str:
    """Return which of ``offered`` the header ``Accept-Language`` wants most; the first one where it wants none.

    ``pt`` and ``pt-PT`` are content with ``pt-BR``: another form of a language is nearer than another language.
    """
    best, best_weight = offered[0], 0.0
    for part in (accepted or "").split(",", _MOST_WANTED)[:_MOST_WANTED]:
        wanted, _, parameter = part.strip().partition(";")
        weight = _weight(parameter)
        found = offered[0] if wanted == "*" else _nearest(wanted.strip().lower(), offered)
        if found is not None and weight > best_weight:
            best, best_weight = found, weight
    return best


def _nearest(wanted: str, offered: Sequence[str]) -> str | None:
    exact = next((each for each in offered if each.lower() == wanted), None)
    family = wanted.partition("-")[0]
    return exact or next((each for each in offered if each.lower().partition("-")[0] == family), None)


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
