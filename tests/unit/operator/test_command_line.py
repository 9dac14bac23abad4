"""The command line of those who import: what it decides, and what it never takes."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from services.operator.client.domain import (
    EventLines,
    Exit,
    Steps,
    WrongUse,
    chosen_id,
    exit_of_import,
    exit_of_preview,
    exit_of_status,
    idempotency_key,
    is_older,
    mapping_of,
)
from services.operator.main import app


def options(command: Any) -> Iterator[str]:
    """Yield every flag of a command and of those below it."""
    for parameter in command.params:
        yield from parameter.opts
    for below in getattr(command, "commands", {}).values():
        yield from options(below)


@pytest.mark.parametrize(
    ("created_at", "older"),
    [("2026-03-02T11:59:57.9Z", True), ("2026-03-02T11:59:58Z", False), ("2026-03-02T12:00:00Z", False)],
)
def test_what_was_made_before_a_command_began_is_older(created_at: str, older: bool) -> None:
    assert is_older(created_at, now="2026-03-02T12:00:00Z", seconds=2.0) is older


def test_a_token_is_never_a_flag() -> None:
    """Everybody on the machine reads what a process was started with."""
    flags = set(options(typer.main.get_command(app)))
    assert "--idempotency-key" in flags
    assert not [flag for flag in flags if "token" in flag or "password" in flag or "secret" in flag]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((401, Exit.SIGN_IN), (403, Exit.SIGN_IN)),
        *((429, Exit.WAIT), (503, Exit.WAIT)),
        *((400, Exit.REFUSED), (404, Exit.REFUSED), (409, Exit.REFUSED), (413, Exit.REFUSED), (422, Exit.REFUSED)),
        *((500, Exit.FAILED), (502, Exit.FAILED), (507, Exit.FAILED)),
    ],
)
def test_the_code_of_a_refusal(status: int, code: Exit) -> None:
    assert exit_of_status(status) is code


@pytest.mark.parametrize(
    ("status", "reason", "errors", "code"),
    [
        ("FINISHED", None, 0, Exit.DONE),
        ("FINISHED", None, 1, Exit.ROW_ERRORS),
        ("FAILED", "chunk_dead_lettered", 1, Exit.FAILED),
        ("FAILED", "canceled", 1, Exit.CANCELED),
        ("FAILED", "canceled", 0, Exit.CANCELED),
    ],
)
def test_the_code_of_an_end(status: str, reason: str | None, errors: int, code: Exit) -> None:
    assert exit_of_import({"status": status, "failure_reason": reason, "total_errors": errors}) is code


@pytest.mark.parametrize(
    ("found", "skip", "code"),
    [
        ({}, False, Exit.DONE),
        ({"total_errors": 1}, False, Exit.REFUSED),
        ({"total_errors": 1}, True, Exit.ROW_ERRORS),
        ({"missing": ["phone"]}, True, Exit.REFUSED),
        ({"warnings": [{"code": "over_quota"}]}, False, Exit.WAIT),
        ({"warnings": [{"code": "other_sheets"}]}, False, Exit.DONE),
    ],
)
def test_a_dry_run_has_the_code_of_its_import(found: dict[str, Any], skip: bool, code: Exit) -> None:
    preview = {"missing": [], "total_errors": 0, "warnings": []} | found
    assert exit_of_preview(preview, skip_invalid=skip) is code


def test_a_key_is_of_the_file_and_of_all_that_is_said_of_it() -> None:
    data = {"name": "a", "account_id": 1, "tag_ids": [1]}
    again = {"tag_ids": [1], "account_id": 1, "name": "a"}
    assert idempotency_key("aa", data) == idempotency_key("aa", again)
    others = [("bb", data), ("aa", data | {"name": "b"}), ("aa", data | {"tag_ids": [2]})]
    assert len({idempotency_key(*each) for each in [("aa", data), *others]}) == 4


def test_a_mapping_names_headers_and_fields() -> None:
    given = ["Celular=phone", "a=b=name", "Obs="]
    assert mapping_of(given) == {"Celular": "phone", "a=b": "name", "Obs": None}


@pytest.mark.parametrize("given", ["phone", "=phone", ""])
def test_a_mapping_without_both_is_wrong_use(given: str) -> None:
    with pytest.raises(WrongUse):
        mapping_of([given])


def test_a_name_that_two_have_is_none() -> None:
    choices = [{"id": 1, "name": "Loja"}, {"id": 2, "name": "loja"}, {"id": 3, "name": "Feira"}]
    assert chosen_id(" FEIRA ", choices) == 3
    assert chosen_id("loja", choices) is None
    assert chosen_id("none", choices) is None


def test_a_line_each_ten_per_cent_and_the_first() -> None:
    steps = Steps()
    assert [percent for percent in (0, 3, 9.9, 10, 19, 55, 56, 100, 100) if steps.due(percent)] == [0, 10, 55, 100]


def test_events_are_read_as_the_standard_has_them() -> None:
    lines = EventLines()
    said = ": a comment", "id: 7", "event: progress", 'data: {"a":', "data: 1}", "", "", 'data:{"b": 2}', ""
    assert [event for line in said for event in lines.feed(line)] == [("progress", {"a": 1}), ("message", {"b": 2})]
    assert lines.last_id == "7"
