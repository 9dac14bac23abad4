"""What becomes of the rows that the file alone says nothing against: pure. It is decided as dedup decides it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from libs.contracts.lead_import.internal.messages import ChunkAccepted, Outcome
from libs.imports.known_phones import KnownPhones, verdicts_on


@dataclass(slots=True)
class Forecasting:
    """Counts chunks as they would be settled."""

    created: int = 0
    existing: int = 0
    errors: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    known_rows: dict[int, str] = field(default_factory=dict)
    """Reasons by row number."""
    tags: dict[str, str] = field(default_factory=dict)
    """Names of the tags that leads would get, by how names are compared roughly."""

    def add(self, chunk: ChunkAccepted, known: KnownPhones) -> None:
        """Take a chunk, and which of its phones the platform knows."""
        for row in chunk.settled:
            if row.outcome == Outcome.EXISTING:
                self.existing += 1
            else:
                self.errors += 1
            self.reasons[row.reason] += 1
        verdicts = verdicts_on(chunk, known)
        for index, verdict in verdicts.items():
            self.known_rows[chunk.live.row[index]] = verdict.reason
            self.reasons[verdict.reason] += 1
        self.existing += len(verdicts)
        self.created += len(chunk.live) - len(verdicts)
        for index, names in enumerate(chunk.live.tags):
            if names and index not in verdicts:
                for name in names:
                    self.tags.setdefault(name.lower(), name)

    def shown(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row of the preview with what the look-up says of it."""
        reason = self.known_rows.get(row["row"])
        return row if reason is None else row | {"outcome": Outcome.EXISTING, "reason": reason, "column": "phone"}
