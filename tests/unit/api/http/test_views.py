"""What callers see of an import: live totals, progress, and the finished event as Kafka's readers see it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from libs.contracts.lead_import.events import ImportFinished
from libs.contracts.lead_import.words import LANGUAGES, words
from services.api.http.views import ImportView, finished_event, import_detail, import_view, row_view
from services.api.reasons import SETTLED_REASONS

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FOUND: dict[str, Any] = {
    "id": 7,
    "name": "Feira",
    "status": "FINISHED",
    "total_rows": 3,
    "total_created": 1,
    "total_existing": 1,
    "total_errors": 1,
    "failure_reason": None,
    "account_id": 4,
    "source_id": 9,
    "company_id": 1,
    "creator_id": 2,
    "file_name": "leads.csv",
    "created_at": NOW,
    "finished_at": NOW + timedelta(seconds=5),
    "revision": 1,
    "chunk_count": 2,
    "chunks_settled": 2,
    "tags_left_out": [7],
    "canceled": 3,
    "cancel_requested_at": None,
    "rows_expired_at": None,
    "undo": None,
}


def test_the_view_holds_what_the_database_found() -> None:
    view = import_view(FOUND)
    for name in set(ImportView.model_fields) - {"progress"}:
        assert getattr(view, name) == FOUND[name]


@pytest.mark.parametrize(
    ("created", "existing", "errors", "rows", "percent"),
    [
        (0, 0, 0, 3, 0.0),
        (1, 0, 0, 3, 33.3),
        (1, 1, 0, 3, 66.7),
        (1, 1, 1, 3, 100.0),
        (4_999, 0, 0, 5_000, 100.0),
        (0, 0, 0, 0, 100.0),
    ],
)
def test_progress_is_the_share_of_rows_that_have_ended(
    created: int, existing: int, errors: int, rows: int, percent: float
) -> None:
    totals = {"total_created": created, "total_existing": existing, "total_errors": errors, "total_rows": rows}
    progress = import_view(FOUND | totals).progress
    assert progress.processed_rows == created + existing + errors
    assert progress.percent == percent


def test_the_company_and_the_revision_are_not_shown() -> None:
    assert not {"company_id", "revision"} & set(import_view(FOUND).model_dump())


def test_a_row_is_numbered_as_the_spreadsheet_shows_it() -> None:
    found = {"row_number": 17, "outcome": "error", "reason": "cpf_invalid", "detail": "d", "cells": ["a", "b"]}
    assert row_view(found).model_dump() == {
        "row": 17,
        "outcome": "error",
        "reason": "cpf_invalid",
        "detail": "d",
        "cells": ["a", "b"],
    }


@pytest.mark.parametrize("reason", ["lead_exists", "not_on_whatsapp", "chunk_dead_lettered"])
def test_a_reason_that_a_stage_gave_without_words_is_told_in_words(reason: str) -> None:
    found = {"row_number": 17, "outcome": "error", "reason": reason, "detail": "", "cells": []}
    assert row_view(found).detail == SETTLED_REASONS[reason]


def test_a_stream_ends_with_the_same_event_as_kafkas_readers_get() -> None:
    event = finished_event(FOUND)
    assert set(event.model_dump()) == set(ImportFinished.model_fields)
    assert (event.import_id, event.accepted_at, event.finished_at) == (7, NOW, NOW + timedelta(seconds=5))


DETAIL = FOUND | {
    "reasons": {"in_file": 1, "cpf_invalid": 1},
    "parent_id": None,
    "child_ids": [],
    "silent": False,
    "queue_position": None,
    "server_time": NOW + timedelta(seconds=60),
    "recent_rows": None,
    "began": None,
}


def test_the_rate_of_an_ended_import_is_from_its_acceptance_to_its_end() -> None:
    assert (import_detail(DETAIL).rate, import_detail(DETAIL).eta_seconds) == (0.6, None)


@pytest.mark.parametrize(
    ("recent", "seconds_ago", "rate", "eta"),
    [(None, 5, None, None), (2_000, 4, 500.0, 6), (2_000, 600, 200.0, 15), (0, 600, None, None)],
)
def test_the_rate_of_an_import_in_progress_is_that_of_the_last_seconds(
    recent: int | None, seconds_ago: int, rate: float | None, eta: int | None
) -> None:
    found = DETAIL | {
        "status": "PROCESSING",
        "finished_at": None,
        "total_rows": 5_000,
        "total_created": 2_000,
        "total_existing": 0,
        "total_errors": 0,
        "recent_rows": recent,
        "began": DETAIL["server_time"] - timedelta(seconds=seconds_ago),
    }
    assert (import_detail(found).rate, import_detail(found).eta_seconds) == (rate, eta)


def test_what_was_kept_in_english_is_told_in_the_callers_language() -> None:
    english, other = words("en").row_errors, words("pt-BR").row_errors
    kept = f"cpf: {english['cpf_invalid']} phone: {english['phone_invalid']}"
    found = {"row_number": 17, "outcome": "error", "reason": "cpf_invalid", "detail": kept, "cells": []}
    assert row_view(found).detail == kept
    told = row_view(found, words("pt-BR")).detail
    assert told == f"cpf: {other['cpf_invalid']} phone: {other['phone_invalid']}"


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_code_has_words_in_every_language(language: str) -> None:
    own, other = words(LANGUAGES[0]), words(language)
    for part in ("problems", "row_errors", "settled_reasons", "kept_reasons", "warnings", "template"):
        assert getattr(own, part).keys() == getattr(other, part).keys(), part
