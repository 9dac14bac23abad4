"""Numbers in paths and queries are written in digits, in every call of every service: ``1_0`` and ``+1`` are none."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from services.api.main import ROUTERS
from services.leads import main as leads


def fields(dependant: Dependant) -> Iterator[Any]:
    """Yield what a call takes from its path and query."""
    yield from (*dependant.path_params, *dependant.query_params)
    for each in dependant.dependencies:
        yield from fields(each)


def numbers() -> Iterator[tuple[str, Any]]:
    """Yield each parameter that is an integer."""
    routers: tuple[APIRouter, ...] = (*ROUTERS, leads.router, *leads.ROUTERS)
    for route in (each for router in routers for each in router.routes):
        if isinstance(route, APIRoute):
            for field in fields(route.dependant):
                value, errors = field.validate("5", {}, loc=("query", field.name))
                if not errors and type(value) is int:
                    yield f"{route.path} {field.name}", field


NUMBERS = dict(numbers())


def test_there_are_some() -> None:
    assert {"/imports/quota account_id", "/imports limit", "/api/v1/leads page"} <= set(NUMBERS)


@pytest.mark.parametrize("written", ["+5", "5.0", "5_0", " 5", "5 ", "\u0665", "5e0", "-5", "", "0x5"])
@pytest.mark.parametrize("parameter", NUMBERS)
def test_a_number_is_written_in_digits(parameter: str, written: str) -> None:
    _, errors = NUMBERS[parameter].validate(written, {}, loc=("query", parameter))
    assert errors
