"""What a token's claims say of its caller, and which claims are refused."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from pydantic import SecretStr, ValidationError

from libs.common.web.auth import AuthSettings, TokenReader
from libs.common.web.caller import Caller, ClaimNames, InvalidToken, caller_of, claim_at

GOOD: dict[str, Any] = {"sub": "7", "company_id": 3, "permissions": {"LEADS": ["IMPORT_LEADS"]}}


def without(claim: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != claim}


def test_the_caller_is_who_the_claims_say() -> None:
    caller = caller_of(GOOD | {"accounts": [4, "5"]})
    assert caller == Caller(7, 3, {"LEADS": frozenset({"IMPORT_LEADS"})}, frozenset({4, 5}))


def test_without_accounts_all_of_the_companys_may_be_used() -> None:
    caller = caller_of(GOOD)
    assert caller.accounts is None
    assert caller.may_use(1)
    assert caller.may_use(999)


def test_with_accounts_only_those_may_be_used() -> None:
    caller = caller_of(GOOD | {"accounts": [4]})
    assert caller.may_use(4)
    assert not caller.may_use(5)
    assert not caller_of(GOOD | {"accounts": []}).may_use(4)


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("accounts", {"accounts": None}),
        ("crm.accounts", {"crm.accounts": None}),
        ("crm.accounts", {"crm": {"accounts": None}}),
        ("crm.accounts", {"crm": None}),
        ("crm.accounts", {"crm": [4]}),
        ("a.b.c", {"a": {"b": None}}),
        ("a.b.c", {"a.b": {"c": None}, "a": {}}),
    ],
)
def test_accounts_that_are_null_are_not_all_of_the_companys(name: str, claims: dict[str, Any]) -> None:
    """A provider that does not know somebody's accounts, or whose mapping failed, writes null."""
    with pytest.raises(InvalidToken, match=r"^accounts: null$"):
        caller_of(GOOD | claims, ClaimNames(accounts=name))


def test_a_claim_around_accounts_may_hold_others_alone() -> None:
    names = ClaimNames(accounts="crm.accounts")
    assert caller_of(GOOD | {"crm": {"company": 3}}, names).accounts is None
    assert caller_of(GOOD | {"crm.accounts": [4], "crm": None}, names).accounts == frozenset({4})


@pytest.mark.parametrize(
    ("permissions", "may"),
    [
        ({"LEADS": ["IMPORT_LEADS"]}, True),
        ({"LEADS": ["VIEW", "IMPORT_LEADS"]}, True),
        ({"LEADS": ["IMPORT"]}, False),
        ({"LEADS": []}, False),
        ({"leads": ["IMPORT_LEADS"]}, False),
        ({"CHATS": ["IMPORT_LEADS"]}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_permission_counts_in_its_own_module_only(permissions: Any, may: bool) -> None:
    assert caller_of(GOOD | {"permissions": permissions}).may("LEADS", "IMPORT_LEADS") is may


@pytest.mark.parametrize("claim", ["sub", "company_id"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "0",
        0,
        -1,
        "-1",
        2**31,
        str(2**31),
        True,
        1.0,
        "1.0",
        " 1",
        "1e3",
        "\u0661",
        [1, 2],
        [],
        {},
        "x",
        "9" * 5000,
    ],
)
def test_an_id_that_no_column_can_hold_is_refused(claim: str, value: Any) -> None:
    with pytest.raises(InvalidToken):
        caller_of(GOOD | {claim: value})


@pytest.mark.parametrize("value", [1, "1", 2**31 - 1, str(2**31 - 1)])
def test_an_id_may_be_a_number_or_its_digits_or_a_list_of_one(value: Any) -> None:
    assert caller_of(GOOD | {"sub": value}).user_id == int(value)
    assert caller_of(GOOD | {"sub": [value]}).user_id == int(value)


@pytest.mark.parametrize(
    ("permissions", "may"),
    [
        (["LEADS:IMPORT_LEADS"], True),
        ("LEADS:IMPORT_LEADS", True),
        ("openid LEADS:VIEW LEADS:IMPORT_LEADS", True),
        (["leads.import"], True),
        ("openid leads.import", True),
        ({"x": ["y"]}, True),
        ([], False),
        ("", False),
        (["IMPORT_LEADS"], False),
        ("LEADS", False),
        ("LEADS:IMPORT_LEADSX", False),
        ("LEADS: IMPORT_LEADS", False),
    ],
    ids=str,
)
def test_permissions_may_be_a_list_or_words_and_have_the_providers_names(permissions: Any, may: bool) -> None:
    names = ClaimNames(permission_names={"leads.import": "LEADS:IMPORT_LEADS", "x:y": "LEADS:IMPORT_LEADS"})
    assert caller_of(GOOD | {"permissions": permissions}, names).may("LEADS", "IMPORT_LEADS") is may


@pytest.mark.parametrize("accounts", ["4,5", "4 5", " 4, 5 ", [4, 5], ["4", 5]], ids=str)
def test_accounts_may_be_a_list_or_one_text(accounts: Any) -> None:
    assert caller_of(GOOD | {"accounts": accounts}).accounts == frozenset({4, 5})


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("company_id", 3),
        ("realm_access.roles", ["a"]),
        ("resource_access.leadflow.api.roles", ["b"]),
        ("https://example.com/company", 9),
        ("both.ways", "itself"),
        ("realm_access.nothing", None),
        ("realm_access.roles.0", None),
        ("company_id.x", None),
        (".company_id", None),
        ("realm_access.", None),
    ],
)
def test_dots_lead_into_nested_claims_unless_a_claim_is_named_so(name: str, found: Any) -> None:
    claims = GOOD | {
        "realm_access": {"roles": ["a"]},
        "resource_access": {"leadflow.api": {"roles": ["b"]}},
        "https://example.com/company": 9,
        "both": {"ways": "nested"},
        "both.ways": "itself",
    }
    assert claim_at(claims, name) == found


@pytest.mark.parametrize("claims", [without("sub"), without("company_id")])
def test_user_and_company_must_be_named(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        caller_of(claims)


@pytest.mark.parametrize(
    "change",
    [
        {"permissions": 7},
        {"permissions": [["LEADS:IMPORT_LEADS"]]},
        {"permissions": ["LEADS:IMPORT_LEADS", None]},
        {"permissions": {"LEADS": "IMPORT_LEADS"}},
        {"permissions": {"LEADS": {"IMPORT_LEADS": True}}},
        {"permissions": {"LEADS": None}},
        {"accounts": 4},
        {"accounts": "four"},
        {"accounts": "4;5"},
        {"accounts": {"4": True}},
        {"accounts": [None]},
        {"accounts": [True]},
        {"accounts": [4, 2**31]},
    ],
    ids=str,
)
def test_claims_of_another_form_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        caller_of(GOOD | change)


SECRET = "s" * 32
JWKS = "https://idp.example/jwks.json"


@pytest.mark.parametrize(
    ("values", "good"),
    [
        ({"jwt_secret": SECRET}, True),
        ({"jwks_url": JWKS, "jwt_audience": "leadflow"}, True),
        ({"jwks_url": JWKS, "jwt_issuer": "https://idp.example/"}, True),
        ({"jwks_url": JWKS, "jwt_audience": "any"}, True),
        ({"jwks_url": JWKS}, False),
        ({"jwks_url": JWKS, "jwt_audience": ""}, False),
        ({"jwks_url": "idp.example/jwks.json", "jwt_audience": "any"}, False),
        ({"jwt_secret": SECRET, "jwt_permission_names": {"a": "LEADS:IMPORT_LEADS"}}, True),
        ({"jwt_secret": SECRET, "jwt_permission_names": {"a": "IMPORT_LEADS"}}, False),
        ({"jwt_secret": "s" * 31}, False),
        ({"jwt_secret": SECRET, "jwks_url": JWKS}, False),
        ({}, False),
    ],
    ids=str,
)
def test_the_service_knows_exactly_one_kind_of_key(
    values: dict[str, Any], good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LEADFLOW_JWT_SECRET", "LEADFLOW_JWKS_URL"):
        monkeypatch.delenv(name, raising=False)
    if good:
        AuthSettings(**values)
    else:
        with pytest.raises(ValidationError):
            AuthSettings(**values)


def test_a_token_of_this_moment_passes_though_our_clock_is_an_hour_slow() -> None:
    secret = "s" * 32
    now = int(time.time())
    token = jwt.encode(GOOD | {"iat": now + 3600, "exp": now + 7200}, secret, algorithm="HS256")
    reader = TokenReader(AuthSettings(jwt_secret=SecretStr(secret)))
    assert asyncio.run(reader.read(token)).user_id == 7


def read(**claims: Any) -> Caller:
    """Return who bears a token with these claims, signed and encoded as a provider does."""
    secret = "s" * 32
    token = jwt.encode(GOOD | {"exp": time.time() + 60} | claims, secret, algorithm="HS256")
    return asyncio.run(TokenReader(AuthSettings(jwt_secret=SecretStr(secret))).read(token))


HALF = "\ud83d"
"""A surrogate without its other one: JSON can write it, and no UTF-8 has it."""


@pytest.mark.parametrize(
    "permissions",
    [
        {"LEADS": ["IMPORT_LEADS", HALF, f"VIEW{HALF}"], HALF: ["VIEW"], f"CHATS{HALF}": []},
        ["LEADS:IMPORT_LEADS", f"LEADS:{HALF}", f"{HALF}:VIEW"],
        f"openid LEADS:IMPORT_LEADS LEADS:{HALF} {HALF}:VIEW",
    ],
    ids=["by module", "words", "a scope"],
)
def test_a_permission_that_no_answer_can_hold_is_not_granted(permissions: Any) -> None:
    """Whoever asks what a token may do is told so in UTF-8."""
    assert read(permissions=permissions).permissions == {"LEADS": frozenset({"IMPORT_LEADS"})}


@pytest.mark.parametrize("name", ["sub", "company_id"])
def test_an_id_of_half_a_character_is_refused(name: str) -> None:
    with pytest.raises(InvalidToken):
        read(**{name: HALF})


@pytest.mark.parametrize(
    "end",
    [253_402_300_799, 253_402_300_800, 1_790_000_000_000, 10**17, 10**300, 10**400],
    ids=lambda end: str(end)[:20],
)
def test_a_token_may_end_later_than_any_date(end: int) -> None:
    """As one does whose provider counts in milliseconds."""
    ends = read(exp=end).expires_at
    assert ends is not None
    assert datetime.fromtimestamp(ends, UTC).year == 9999
