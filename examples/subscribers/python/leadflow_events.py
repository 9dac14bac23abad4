"""Leadflow's public events. Written by `make reference` in Leadflow's repository. Times are ISO 8601, in UTC."""

from typing import Final, Literal, NotRequired, TypedDict


class ImportAccepted(TypedDict):
    """`POST /import` answered 202: the rows are stored and will each end as created, existing or error."""

    import_id: int
    company_id: int
    account_id: int
    source_id: int
    creator_id: int
    total_rows: int
    chunk_count: int
    accepted_at: str


class ImportFinished(TypedDict):
    """Every row has ended: `total_created + total_existing + total_errors == total_rows`. `revision` is 1; a
    replayed dead letter that changes the totals emits the event again with the next one.
    """

    import_id: int
    company_id: int
    account_id: int
    source_id: int
    creator_id: int
    status: Literal["PROCESSING", "FINISHED", "FAILED"]
    total_rows: int
    total_created: int
    total_existing: int
    total_errors: int
    failure_reason: str | None
    revision: int
    accepted_at: str
    finished_at: str


class ImportUndone(TypedDict):
    """The leads of an import that nobody had touched are taken back: `reversed` of them, with their chats. `kept`
    were changed since, or their chats were; of `failed` the chat was used while they were taken back, and another
    lead has their phone since. Together they are all leads that the import had made. Emitted once.
    """

    import_id: int
    company_id: int
    account_id: int
    reversed: int
    kept: int
    failed: int
    accepted_at: str
    undone_at: str


class LeadStatusChanged(TypedDict):
    """A lead stands elsewhere in the pipeline."""

    event_type: NotRequired[str]
    lead_id: str
    old_status: Literal["new", "contacted", "qualified", "proposal", "closed_won", "closed_lost"]
    new_status: Literal["new", "contacted", "qualified", "proposal", "closed_won", "closed_lost"]
    timestamp: str
    company_id: int


class LeadChanged(TypedDict):
    """Fields of a lead have other values: their names alone. A greater `version` is later."""

    lead_id: str
    company_id: int
    version: int
    fields: list[str]
    timestamp: str


class LeadDeleted(TypedDict):
    """A lead is no more; with `erased` nothing of ours says any longer who it was."""

    lead_id: str
    company_id: int
    erased: bool
    timestamp: str


LEAD_IMPORT_ACCEPTED_V1: Final = "lead.import-accepted.v1"
LEAD_IMPORT_FINISHED_V1: Final = "lead.import-finished.v1"
LEAD_IMPORT_UNDONE_V1: Final = "lead.import-undone.v1"
LEAD_STATUS_CHANGED_V1: Final = "lead.status-changed.v1"
LEAD_CHANGED_V1: Final = "lead.changed.v1"
LEAD_DELETED_V1: Final = "lead.deleted.v1"
