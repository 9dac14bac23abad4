"""Settings of finalizer."""

from pydantic import Field

from libs.common.settings import PostgresSettings, ServiceSettings
from libs.imports.settings import ChunkRelaySettings


class Settings(ServiceSettings, PostgresSettings, ChunkRelaySettings):
    """Imports, chunks and the outbox are in PostgreSQL."""

    resend_after_seconds: float = Field(60, gt=0)
    """A chunk that was sent so long ago, while nothing of its import moved and no lag explains it, is sent again."""
    cancel_seconds: float = Field(1, gt=0)
    """How often to look for imports that somebody canceled."""
    retention_days: float = Field(90, gt=0)
    """So long after an import's end are kept: rows that did not become leads, payloads of dead letters, corrections.
    The import and its totals stay. A smaller number deletes at once what is older."""
    sweep_seconds: float = Field(60, gt=0)
    """How often to look for imports whose time is over."""
    watch_seconds: float = Field(15, gt=0)
    """How often to look for such chunks."""
