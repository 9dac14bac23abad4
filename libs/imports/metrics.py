"""What the stages of the import count, by service. Nothing of a company or a person is a label."""

from collections import Counter as Tally
from typing import Any

from prometheus_client import Counter, Histogram

from libs.contracts.lead_import.internal.messages import Chunk

ROWS = Counter(
    "leadflow_rows_total",
    "Rows by stage and how they stand after it. api: accepted. A stage that passes chunks on: live, existing, error."
    " finalizer, when a chunk has ended: created, existing, error. A message that is handled twice counts twice.",
    ["service", "outcome"],
)
IMPORTS_ENDED = Counter("leadflow_imports_ended_total", "Imports that ended, by how; again after a repair.", ["status"])
IMPORT_SECONDS = Histogram(
    "leadflow_import_seconds",
    "From acceptance to end, by size: usual (as many rows as one upload may have as shipped, or fewer) or large.",
    ["size"],
    buckets=(1, 2.5, 5, 10, 15, 30, 60, 120, 300, 900, 3600),
)
USUAL_ROWS = 5_000


def count_end(status: str, *, rows: int, seconds: float) -> None:
    """Count an import that has ended."""
    IMPORTS_ENDED.labels(status).inc()
    IMPORT_SECONDS.labels("usual" if rows <= USUAL_ROWS else "large").observe(seconds)


def count_rows(service: str, chunk: Chunk[Any]) -> None:
    """Count the rows of a chunk that a stage has passed on."""
    ROWS.labels(service, "live").inc(len(chunk.live))
    for outcome, rows in Tally(row.outcome for row in chunk.settled).items():
        ROWS.labels(service, outcome.value).inc(rows)
