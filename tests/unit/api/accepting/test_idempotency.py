"""Two requests have the same fingerprint exactly when file and ``data`` are the same."""

import hashlib
from typing import Any

import pytest

from services.api.accepting.domain.idempotency import fingerprint
from services.api.accepting.domain.request import ImportRequest

SAID: dict[str, Any] = {"name": "Feira ✿", "account_id": 1, "source_id": 2}
OF_OLD = '{"name":"Feira ✿","account_id":1,"source_id":2,"tag_ids":[],"on_invalid_row":"reject","encoding":null}'


def of(**options: Any) -> str:
    return fingerprint("f" * 64, ImportRequest.model_validate(SAID | options))


def test_a_request_without_later_options_has_the_fingerprint_that_it_had_before_them() -> None:
    assert of() == of(columns="strict", mapping={}) == hashlib.sha256(f"{'f' * 64}\n{OF_OLD}".encode()).hexdigest()


@pytest.mark.parametrize(
    "options",
    [
        {"columns": "mapped"},
        {"columns": "mapped", "mapping": {"Nome": "name"}},
        {"sheet": "Leads"},
        {"delimiter": ";"},
        {"corrections": {"2": {"name": "Ana"}}},
        {"parent_id": 7},
        {"columns": "mapped", "extra_columns": "keep"},
        {"silent": True},
    ],
    ids=str,
)
def test_every_option_is_part_of_it(options: dict[str, Any]) -> None:
    assert of(**options) != of()
