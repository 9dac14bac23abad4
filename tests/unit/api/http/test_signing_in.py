"""Whoever is refused is not told what is wrong with a token; whoever runs the service is."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from fastapi.security import HTTPAuthorizationCredentials
from starlette.requests import Request

from libs.common.web.caller import Caller, InvalidToken
from libs.common.web.refusals import Refused
from services.api.http.signing_in import known
from services.leads.http.lead_deps import perhaps_signed_in

GIVEN = HTTPAuthorizationCredentials(scheme="Bearer", credentials="x.y.z")


async def with_null(token: str) -> Caller:
    raise InvalidToken("accounts: null")


DEPS = cast("Any", SimpleNamespace(read_token=with_null))


@pytest.mark.parametrize("service", ["api", "leads"])
def test_the_line_of_a_refused_token_says_why(service: str) -> None:
    async def said() -> object:
        with pytest.raises(Refused) as refused:
            if service == "api":
                await known(GIVEN, DEPS)
            else:
                await perhaps_signed_in(GIVEN, DEPS, Request({"type": "http", "headers": []}))
        assert (refused.value.code, refused.value.detail) == ("token_invalid", "")
        return structlog.contextvars.get_contextvars().get("token")

    assert asyncio.run(said()) == "accounts: null"
