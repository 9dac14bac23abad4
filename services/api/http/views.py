"""What callers see of an import: pure."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from libs.contracts.lead_import.events import ImportFinished, ImportStatus
from libs.contracts.lead_import.internal.messages import Outcome
from libs.contracts.lead_import.words import LANGUAGES, Words, words
from services.api.reasons import SETTLED_REASONS

ENGLISH = words(LANGUAGES[0])
PACE_SECONDS = 10
"""How far back the pace of an import in progress is measured: longer than a chunk takes, shorter than anybody waits."""
_LEAST_SECONDS = 0.001
_UNDO: dict[str, Any] = {
    "state": "DONE",
    "total": 4860,
    "reversed": 4857,
    "kept": 3,
    "failed": 0,
    "requested_at": "2026-03-02T12:10:00Z",
    "finished_at": "2026-03-02T12:10:04Z",
}
_IMPORT: dict[str, Any] = {
    "id": 42,
    "name": "Spring campaign",
    "status": "PROCESSING",
    "total_rows": 5000,
    "total_created": 1990,
    "total_existing": 10,
    "total_errors": 0,
    "canceled": 0,
    "failure_reason": None,
    "account_id": 1,
    "source_id": 1,
    "creator_id": 1,
    "file_name": "leads.xlsx",
    "created_at": "2026-03-02T12:00:00Z",
    "finished_at": None,
    "cancel_requested_at": None,
    "rows_expired_at": None,
    "tags_left_out": [],
    "undo": None,
    "progress": {"processed_rows": 2000, "chunks": 3, "chunks_settled": 1, "percent": 40.0},
}
CREATED: Literal["created"] = "created"
_FOUND = ("reasons", "parent_id", "child_ids", "silent", "queue_position", "server_time")
"""What a detail has as the database found it."""
RowOutcome = Literal["existing", "error", "created"]
_CREATED: dict[str, Any] = {
    "row": 2,
    "outcome": CREATED,
    "lead_id": 1001,
    "chat_id": "65e3158a0000002a00000002",
    "name": "Janaína Prado",
}
_DETAIL: dict[str, Any] = {
    "reasons": {"in_file": 4, "lead_exists": 6},
    "parent_id": None,
    "child_ids": [],
    "silent": False,
    "rate": 1250.0,
    "eta_seconds": 3,
    "queue_position": None,
    "server_time": "2026-03-02T12:00:02Z",
}
_ROW: dict[str, Any] = {
    "row": 3,
    "outcome": "existing",
    "reason": "lead_exists",
    "detail": SETTLED_REASONS["lead_exists"],
    "cells": ["Ana", "+55 11 91234-5678", "", "", ""],
}


class Progress(BaseModel):
    """How far an import is."""

    processed_rows: int
    chunks: int
    chunks_settled: int
    percent: float


class UndoState(StrEnum):
    """Whether an undo is still under way."""

    RUNNING = "RUNNING"
    DONE = "DONE"


class UndoView(BaseModel):
    """How far the undo of an import is: in the end ``reversed + kept + failed == total``."""

    model_config = ConfigDict(json_schema_extra={"examples": [_UNDO]})

    state: UndoState
    total: int
    """Leads that the import had made."""
    reversed: int
    kept: int
    failed: int
    """Leads whose chat was changed while they were taken back, and whose phone another lead has since."""
    requested_at: datetime
    finished_at: datetime | None


class ImportView(BaseModel):
    """One import. Totals grow while it is ``PROCESSING`` and add up to ``total_rows`` when it has ended."""

    model_config = ConfigDict(json_schema_extra={"examples": [_IMPORT]})

    id: int
    name: str
    status: ImportStatus
    total_rows: int
    total_created: int
    total_existing: int
    total_errors: int
    canceled: int
    """Of the errors: rows that were no leads yet when the import was canceled."""
    failure_reason: str | None
    account_id: int
    source_id: int
    creator_id: int
    file_name: str | None
    created_at: datetime
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    """When somebody canceled it. It is being canceled while its status is ``PROCESSING``."""
    rows_expired_at: datetime | None
    """Since when its rows that did not become leads are not told any more: their time was over."""
    tags_left_out: list[int]
    """Tags that were deleted while the import ran: leads that were made later do not have them."""
    undo: UndoView | None
    """How far it is taken back, when somebody asked for that."""
    progress: Progress


class ImportDetail(ImportView):
    """One import, and what is only asked of one."""

    model_config = ConfigDict(json_schema_extra={"examples": [_IMPORT | _DETAIL]})

    reasons: dict[str, int]
    """Rows that did not become leads, by reason."""
    parent_id: int | None
    """The import whose rows this one corrects."""
    child_ids: list[int]
    """The imports that correct rows of this one."""
    silent: bool
    """Other systems are not told of its leads."""
    rate: float | None
    """Rows a second: lately, or of an ended import from its acceptance to its end. Null before the first have ended."""
    eta_seconds: int | None
    """How long the rest takes at this rate; null when nobody knows, and of an ended import."""
    queue_position: int | None
    """Imports in progress that were accepted before this one, and one; null once its first rows have ended."""
    server_time: datetime


class ImportPage(BaseModel):
    """Newest first; ``next`` is the cursor of the next page, or null."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_IMPORT], "next": "42"}]})

    items: list[ImportView]
    next: str | None


class RowView(BaseModel):
    """A row that did not become a lead."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ROW]})

    row: int
    outcome: Outcome
    reason: str
    detail: str
    cells: list[str]


class CreatedRow(BaseModel):
    """A row that became a lead."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CREATED]})

    row: int
    outcome: Literal["created"] = CREATED
    lead_id: int
    chat_id: str
    name: str | None


class RowPage(BaseModel):
    """In the file's order; ``next`` is the cursor of the next page, or null."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_ROW, _CREATED], "next": None}]})

    items: list[RowView | CreatedRow]
    next: str | None


def import_view(found: Mapping[str, Any]) -> ImportView:
    """Return the view of a row of ``lead_imports`` with its live totals."""
    return ImportView(**_shown(found))


def import_detail(found: Mapping[str, Any]) -> ImportDetail:
    """Return the view of a row of ``lead_imports`` with what is only asked of one import."""
    shown = _shown(found)
    rate = _rate(found)
    left = found["total_rows"] - shown["progress"].processed_rows
    return ImportDetail(
        **shown,
        **{name: found[name] for name in _FOUND},
        rate=rate,
        eta_seconds=math.ceil(left / rate) if rate and found["status"] == ImportStatus.PROCESSING else None,
    )


def _shown(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an ``ImportView``."""
    processed = found["total_created"] + found["total_existing"] + found["total_errors"]
    percent = 100.0 if not found["total_rows"] else round(100 * processed / found["total_rows"], 1)
    progress = Progress(
        processed_rows=processed,
        chunks=found["chunk_count"],
        chunks_settled=found["chunks_settled"],
        percent=percent,
    )
    return {name: found[name] for name in ImportView.model_fields if name != "progress"} | {"progress": progress}


def _rate(found: Mapping[str, Any]) -> float | None:
    """Return rows a second, or None when nothing says how many."""
    if found["finished_at"] is not None:
        rows, since, until = found["total_rows"], found["created_at"], found["finished_at"]
    else:
        rows, since, until = found["recent_rows"], found["began"], found["server_time"]
        if not rows or since is None:
            return None
        since = max(since, until - timedelta(seconds=PACE_SECONDS))
    seconds: float = max((until - since).total_seconds(), _LEAST_SECONDS)
    return float(round(rows / seconds, 1))


def row_view(found: Mapping[str, Any], said: Words = ENGLISH) -> RowView:
    """Return the view of a row of ``lead_import_rows``, in these words."""
    return RowView(
        row=found["row_number"],
        outcome=found["outcome"],
        reason=found["reason"],
        detail=said.of_row(found["reason"], found["detail"]),
        cells=found["cells"],
    )


def finished_event(found: Mapping[str, Any]) -> ImportFinished:
    """Return the event ``lead:import-finished`` of an ended import, as Kafka's readers see it."""
    return ImportFinished(
        import_id=found["id"],
        accepted_at=found["created_at"],
        **{name: found[name] for name in ImportFinished.model_fields if name not in {"import_id", "accepted_at"}},
    )
