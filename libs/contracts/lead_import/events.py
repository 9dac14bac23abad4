"""The import as the world sees it. Public events: ids and numbers, nothing personal."""

from datetime import datetime
from enum import StrEnum

from libs.common.messages import Id, Message


class ImportStatus(StrEnum):
    """Column ``lead_imports.status``."""

    PROCESSING = "PROCESSING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"


class ImportAccepted(Message):
    """``POST /import`` answered 202: the rows are stored and will each end as created, existing or error."""

    import_id: Id
    company_id: Id
    account_id: Id
    source_id: Id
    creator_id: Id
    total_rows: int
    chunk_count: int
    accepted_at: datetime


class ImportFinished(Message):
    """Every row has ended: ``total_created + total_existing + total_errors == total_rows``.

    ``revision`` is 1; a replayed dead letter that changes the totals emits the event again with the next one.
    """

    import_id: Id
    company_id: Id
    account_id: Id
    source_id: Id
    creator_id: Id
    status: ImportStatus
    total_rows: int
    total_created: int
    total_existing: int
    total_errors: int
    failure_reason: str | None
    revision: int
    accepted_at: datetime
    finished_at: datetime
