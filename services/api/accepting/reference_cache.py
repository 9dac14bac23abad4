"""Remembers which accounts, sources and tags exist, until an import finishes or some seconds pass.

Only good answers are remembered: what was missing may have been made since. The accepting transaction asks
the database again, so a stale answer costs a wasted validation, never a wrong import.
"""

import time
from collections.abc import Callable

MOST_REMEMBERED = 10_000


class ReferenceCache:
    """References that were found, each with its company: ``(company id, kind, id)``."""

    def __init__(self, seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._found: dict[tuple[int, str, int], float] = {}

    def knows(self, company_id: int, references: list[tuple[str, int]]) -> bool:
        """Tell whether all of (kind, id) were found lately."""
        now = self._monotonic()
        return all(self._found.get((company_id, kind, id_), 0.0) > now for kind, id_ in references)

    def remember(self, company_id: int, references: list[tuple[str, int]]) -> None:
        until = self._monotonic() + self._seconds
        if len(self._found) > MOST_REMEMBERED:
            self._found.clear()
        self._found.update({(company_id, kind, id_): until for kind, id_ in references})

    def drop(self, company_id: int) -> None:
        """Forget all that was found for the company, also the sources, which all companies share."""
        self._found = {key: until for key, until in self._found.items() if key[0] != company_id}
