"""What becomes of the rows that the file alone says nothing against: pure. It is decided as dedup decides it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from libs.contracts.lead_import.internal.messages import Outcome
from libs.imports.known_phones import KnownPhones, verdicts_on
from services.api.reading.domain.previewed_chunk import PreviewedChunk


@dataclass(slots=True)
class Forecasting:
    """Counts rows as they would be settled: it begins with those that the file alone settles."""

    existing: int
    errors: int
    reasons: Counter[str]
    created: int = 0
    known_rows: dict[int, str] = field(default_factory=dict)
    """Reasons by row number."""
    tags: dict[str, str] = field(default_factory=dict)
    """Names of the tags that leads would get, by how names are compared roughly."""

    def add(self, chunk: PreviewedChunk, known: KnownPhones) -> None:
        """Take a chunk, and which of its phones the platform knows."""
        verdicts = verdicts_on(chunk.live, known)
        for index, verdict in verdicts.items():
            self.known_rows[chunk.live.row[index]] = verdict.reason
            self.reasons[verdict.reason] += 1
        self.existing += len(verdicts)
        self.created += len(chunk.live) - len(verdicts)
        for name, indexes in chunk.tags.items():
            if any(index not in verdicts for index in indexes):
                self.tags.setdefault(name.lower(), name)

    def shown(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row of the preview with what the look-up says of it."""
        reason = self.known_rows.get(row["row"])
        return row if reason is None else row | {"outcome": Outcome.EXISTING, "reason": reason, "column": "phone"}
