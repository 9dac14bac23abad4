"""Every refusal that a file or a value can meet has words and, where it answers a request, a status."""

from typing import get_args

import pytest
from fastapi import FastAPI

from libs.common.web.problems import ANSWERED_HERE, install_error_handlers
from libs.fields.invalid_value import InvalidCode
from libs.spreadsheets.unreadable import UnreadableCode
from services.api.http.problems import PROBLEMS
from services.api.reasons import ROW_ERRORS, SETTLED_REASONS


@pytest.mark.parametrize("code", get_args(UnreadableCode))
def test_everything_that_can_be_wrong_with_a_file_is_a_problem_of_the_caller(code: str) -> None:
    assert 400 <= PROBLEMS[code].status < 500


@pytest.mark.parametrize("code", get_args(InvalidCode))
def test_every_rule_that_a_value_can_break_has_words(code: str) -> None:
    assert ROW_ERRORS[code]


def test_a_reason_of_a_row_means_one_thing() -> None:
    assert not ROW_ERRORS.keys() & SETTLED_REASONS.keys()


def test_a_table_that_lacks_what_the_handlers_answer_is_refused_at_the_start() -> None:
    for code in ANSWERED_HERE:
        with pytest.raises(ValueError, match=code):
            install_error_handlers(
                FastAPI(), {other: PROBLEMS[other] for other in PROBLEMS if other != code}, service="test"
            )
