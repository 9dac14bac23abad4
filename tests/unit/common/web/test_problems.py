"""What a refusal says to programs: every fact of it is a member of its body, too."""

import json
from typing import Any

import pytest

from libs.common.web.problems import RETRY_SECONDS, problem_response
from libs.common.web.refusals import Detail, Problem, Refused

PROBLEMS = {
    "shut": Problem(409, "The door is shut", "Knock."),
    "slow": Problem(429, "Too much", "Wait."),
    "away": Problem(503, "Nobody is here", "Come again."),
}


def answered(refused: Refused) -> tuple[dict[str, Any], dict[str, str]]:
    response = problem_response(refused, PROBLEMS)
    body: dict[str, Any] = json.loads(bytes(response.body))
    return body, dict(response.headers)


@pytest.mark.parametrize(
    ("refused", "seconds"),
    [
        (Refused("slow", retry_after=7), 7),
        (Refused("slow"), None),
        (Refused("away"), RETRY_SECONDS),
        (Refused("away", retry_after=1), 1),
        (Refused("shut"), None),
    ],
)
def test_the_wait_is_in_the_body_as_in_the_header(refused: Refused, seconds: int | None) -> None:
    body, headers = answered(refused)
    assert body.get("retry_after") == seconds
    assert headers.get("retry-after") == (None if seconds is None else str(seconds))


def test_facts_of_the_case_are_members_and_the_detail_never_repeats_the_title() -> None:
    body, _ = answered(Refused("slow", "5 of 5 used.", facts={"limits": {"rows": 5}, "used": {"rows": 5}}))
    assert (body["limits"], body["used"], body["detail"]) == ({"rows": 5}, {"rows": 5}, "5 of 5 used.")
    assert answered(Refused("shut"))[0]["detail"] == "Knock."


@pytest.mark.parametrize(
    ("detail", "place"),
    [
        (Detail("x", "No.", row=3, column="phone"), {"row": 3, "column": "phone"}),
        (Detail("x", "No.", row=3), {"row": 3, "column": None}),
        (Detail("x", "No.", pointer="/tag_ids/0"), {"pointer": "/tag_ids/0"}),
        (Detail("x", "No.", parameter="limit"), {"parameter": "limit"}),
    ],
)
def test_an_error_has_one_kind_of_place(detail: Detail, place: dict[str, object]) -> None:
    body, _ = answered(Refused("shut", errors=[detail], total_errors=9))
    assert body["errors"] == [{**place, "code": "x", "message": "No."}]
    assert body["total_errors"] == 9
