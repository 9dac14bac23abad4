"""Tokens as four identity providers print them are read by settings alone: those that docs/guide/tokens.md names."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from libs.common.web.auth import AuthSettings, TokenReader
from libs.common.web.caller import Caller, InvalidToken
from tests.support.identity_provider import IdentityProvider, identity_provider, public_jwk, rsa_key, signed
from tests.support.stack import ROOT

PROVIDERS = {"Keycloak": "keycloak", "Auth0": "auth0", "Microsoft Entra ID": "entra", "Amazon Cognito": "cognito"}
KEY = rsa_key("provider")


def settings_of(heading: str) -> dict[str, str]:
    """Return the settings that the document shows below this heading."""
    document = (ROOT / "docs" / "guide" / "tokens.md").read_text()
    section = document.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    (block,) = re.findall(r"^```env\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return dict(line.split("=", 1) for line in block.splitlines())


def printed(name: str) -> dict[str, Any]:
    token: dict[str, Any] = json.loads((ROOT / "tests" / "fixtures" / "tokens" / f"{name}.json").read_text())
    return token


@pytest_asyncio.fixture(scope="module")
async def provider() -> AsyncIterator[IdentityProvider]:
    async with identity_provider() as provider:
        await provider.publishes(public_jwk(KEY, kid="key", use="sig"))
        yield provider


@pytest.fixture(params=PROVIDERS)
def heading(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def reader(heading: str, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> TokenReader:
    """What the api makes of the document's settings, with the local provider's keys."""
    for name, value in settings_of(heading).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LEADFLOW_JWKS_URL", provider.url)
    return TokenReader(AuthSettings())


async def test_its_tokens_are_read_by_settings_alone(reader: TokenReader, heading: str) -> None:
    token = printed(PROVIDERS[heading])
    caller = await reader.read(signed(token["claims"], KEY, token["head"]["alg"], "key"))
    expected = token["caller"]
    assert (caller.user_id, caller.company_id) == (expected["user_id"], expected["company_id"])
    assert caller.accounts == (None if expected["accounts"] is None else frozenset(expected["accounts"]))
    assert caller.may("LEADS", "IMPORT_LEADS")
    assert not any(Caller.may(caller, module, "DELETE_LEADS") for module in caller.permissions)


async def test_its_tokens_for_another_application_are_refused(reader: TokenReader, heading: str) -> None:
    token = printed(PROVIDERS[heading])
    for change in (token["foreign"], {"iss": "https://elsewhere.example.com/"}, {"iss": ""}):
        with pytest.raises(InvalidToken):
            await reader.read(signed(token["claims"] | change, KEY, token["head"]["alg"], "key"))


async def test_without_the_role_nothing_is_granted(reader: TokenReader, heading: str) -> None:
    token = printed(PROVIDERS[heading])
    claims = json.loads(
        json.dumps(token["claims"])
        .replace("import-leads", "view-leads")
        .replace("import:leads", "view:leads")
        .replace("Leads.Import", "Leads.View")
        .replace("lead-importers", "lead-viewers")
    )
    caller = await reader.read(signed(claims, KEY, token["head"]["alg"], "key"))
    assert not caller.may("LEADS", "IMPORT_LEADS")
