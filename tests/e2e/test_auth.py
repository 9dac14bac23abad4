"""Who may call what: tokens, permissions, companies, accounts; on every route."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest

from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.user import NewUser, User, csv_file, lead_rows, new_phones, problem

ROUTES = [
    ("POST", "/import"),
    ("POST", "/import/preview"),
    ("GET", "/import/template.csv"),
    ("GET", "/import/template.xlsx"),
    ("GET", "/imports/quota?account_id=1"),
    ("GET", "/imports"),
    ("GET", "/imports/{id}"),
    ("GET", "/imports/{id}/events"),
    ("GET", "/imports/{id}/rows"),
    ("GET", "/imports/{id}/rows?format=csv"),
    ("GET", "/imports/{id}/rows?format=xlsx"),
    ("POST", "/imports/{id}/cancel"),
    ("GET", "/imports/{id}/undo"),
    ("GET", "/imports/{id}/undo/kept"),
    ("POST", "/imports/{id}/undo"),
    ("DELETE", "/imports/{id}"),
]
WHATEVER_IT_MAY_DO = [("GET", "/me")]
"""A token without the permission is told so here, and not refused."""
OF_ONE_IMPORT = [route for route in ROUTES if "{id}" in route[1]]
GOOD = csv_file([["Ana", "(11) 98765-4321", "", "", ""]])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def unsigned(tenant: Tenant) -> str:
    """Return the token that says of itself ``alg: none``."""

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(tenant.claims())}."


async def call(user: User, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    """Call a route with what would be right but for the headers."""
    if method == "POST":
        data = {"data": json.dumps(user.tenant.data())}
        return await user.http.post(path, files={"file": ("leads.csv", GOOD, "text/csv")}, data=data, headers=headers)
    return await user.http.request(method, path, headers=headers)


async def one_import(user: User) -> int:
    found = await user.run(csv_file(lead_rows(new_phones(1))))
    import_id: int = found["id"]
    return import_id


NO_TOKEN: dict[str, dict[str, str]] = {
    "no header": {},
    "another scheme": {"Authorization": "Basic dXNlcjpwYXNz"},
    "an empty header": {"Authorization": ""},
    "no token in it": {"Authorization": "Bearer"},
}

WRONG_TOKENS: dict[str, Callable[[Tenant], str]] = {
    "garbage": lambda _: "garbage",
    "garbage of three parts": lambda _: "a.b.c",
    "expired": lambda tenant: tenant.token(exp=int(time.time()) - 3_600),
    "not yet valid": lambda tenant: tenant.token(nbf=int(time.time()) + 3_600),
    "wrong key": lambda tenant: jwt.encode(tenant.claims(), "another-secret-of-thirty-two-bytes-or-more"),
    "alg none": unsigned,
    "cut": lambda tenant: tenant.token()[:-4],
    "payload of another": lambda tenant: _with_payload(tenant.token(), tenant.token(company_id=1)),
    "no subject": lambda tenant: tenant.token(sub=None),
    "subject is a word": lambda tenant: tenant.token(sub="ana"),
    "subject beyond the column": lambda tenant: tenant.token(sub=str(2**31)),
    "subject negative": lambda tenant: tenant.token(sub="-1"),
    "no company": lambda tenant: tenant.token(company_id=None),
    "company is text": lambda tenant: tenant.token(company_id="one"),
    "company is true": lambda tenant: tenant.token(company_id=True),
    "company beyond the column": lambda tenant: tenant.token(company_id=2**40),
}


def _with_payload(token: str, other: str) -> str:
    head, _, signature = token.split(".")
    return ".".join((head, other.split(".")[1], signature))


@pytest.mark.parametrize("case", NO_TOKEN)
async def test_no_token(user: User, stored: Stored, case: str) -> None:
    for method, path in [*ROUTES, *WHATEVER_IT_MAY_DO]:
        answer = await call(user, method, path.replace("{id}", "1"), NO_TOKEN[case])
        problem(answer, 401, "token_missing")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    await stored.nothing_of(user.tenant.company_id)


@pytest.mark.parametrize("case", WRONG_TOKENS)
async def test_a_wrong_token(user: User, stored: Stored, case: str) -> None:
    headers = bearer(WRONG_TOKENS[case](user.tenant))
    for method, path in [*ROUTES, *WHATEVER_IT_MAY_DO]:
        answer = await call(user, method, path.replace("{id}", "1"), headers)
        problem(answer, 401, "token_invalid")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    await stored.nothing_of(user.tenant.company_id)


@pytest.mark.parametrize(
    "permissions",
    [None, {}, {"LEADS": []}, {"LEADS": ["READ_LEADS"]}, {"CHATS": ["IMPORT_LEADS"]}, {"leads": ["IMPORT_LEADS"]}],
    ids=str,
)
async def test_no_permission(user: User, permissions: dict[str, list[str]] | None) -> None:
    import_id = await one_import(user)
    headers = user.tenant.headers(permissions=permissions)
    for method, path in ROUTES:
        answer = await call(user, method, path.replace("{id}", str(import_id)), headers)
        problem(answer, 403, "permission_missing")
    assert (await user.read(import_id))["status"] == "FINISHED"


@pytest.mark.parametrize("permissions", [["IMPORT_LEADS"], "LEADS", {"LEADS": "IMPORT_LEADS"}, {"LEADS": {}}], ids=str)
async def test_permissions_of_another_shape_grant_nothing(user: User, permissions: object) -> None:
    for method, path in ROUTES:
        answer = await call(user, method, path.replace("{id}", "1"), user.tenant.headers(permissions=permissions))
        assert answer.status_code in {401, 403}
        problem(answer, answer.status_code, answer.json()["code"])


async def test_another_companys_import_does_not_exist(user: User, new_user: NewUser) -> None:
    """Every route answers exactly as for an id that nobody has."""
    stranger = await new_user()
    theirs = await one_import(stranger)
    for method, path in OF_ONE_IMPORT:
        answers = []
        for import_id in (theirs, 2**31 - 1):
            answer = await call(user, method, path.replace("{id}", str(import_id)), user.tenant.headers())
            body = json.dumps(problem(answer, 404, "not_found"))
            answers.append(body.replace(f"import {import_id}.", "import ID."))
        assert answers[0] == answers[1]
    assert (await user.get("/imports")).json() == {"items": [], "next": None}
    assert (await stranger.read(theirs))["status"] == "FINISHED"


async def test_an_account_that_the_token_lacks(user: User, stored: Stored) -> None:
    for accounts in ([], [user.tenant.other_account_id]):
        answer = await call(user, "POST", "/import", user.tenant.headers(accounts=accounts))
        problem(answer, 403, "account_forbidden")
    await stored.nothing_of(user.tenant.company_id)
    allowed = user.tenant.headers(accounts=[user.tenant.other_account_id, user.tenant.account_id])
    assert (await call(user, "POST", "/import", allowed)).status_code == 202


async def test_imports_of_an_account_that_the_token_lacks(user: User) -> None:
    """A token of one account shows nothing of the other's rows, names and phones."""
    mine = await one_import(user)
    theirs = (await user.run(GOOD, account_id=user.tenant.other_account_id))["id"]
    headers = user.tenant.headers(accounts=[user.tenant.account_id])
    for method, path in OF_ONE_IMPORT:
        answer = await call(user, method, path.replace("{id}", str(theirs)), headers)
        assert answer.status_code in {403, 404}, (method, path, answer.text)
    page = await user.http.get("/imports", headers=headers)
    assert [item["id"] for item in page.json()["items"]] == [mine]
    assert (await user.read(theirs))["status"] == "FINISHED"


@pytest.mark.parametrize("accounts", ["1", {}, [True], ["1"], [None]], ids=str)
async def test_accounts_of_another_shape_grant_nothing(user: User, accounts: object) -> None:
    answer = await call(user, "POST", "/import", user.tenant.headers(accounts=accounts))
    assert answer.status_code in {401, 403}
    problem(answer, answer.status_code, answer.json()["code"])


async def test_another_companys_account_answers_as_a_missing_one(user: User, new_user: NewUser) -> None:
    theirs = (await new_user()).tenant.account_id
    for claims in ({}, {"accounts": [user.tenant.account_id]}, {"accounts": [theirs]}):
        answers = []
        for account_id in (theirs, 2**31 - 1):
            data = {"data": json.dumps(user.tenant.data(account_id=account_id))}
            files = {"file": ("leads.csv", GOOD, "text/csv")}
            answer = await user.http.post("/import", files=files, data=data, headers=user.tenant.headers(**claims))
            body = problem(answer, 422, "account_not_found")
            answers.append(json.dumps(body).replace(str(account_id), "ID"))
        assert answers[0] == answers[1]


async def test_another_companys_tag_answers_as_a_missing_one(user: User, new_user: NewUser) -> None:
    theirs = (await new_user()).tenant.tag_ids[0]
    answers = []
    for tag_id in (theirs, 2**31 - 1):
        answer = await user.upload(GOOD, tag_ids=[tag_id])
        answers.append(json.dumps(problem(answer, 422, "tags_not_found")).replace(str(tag_id), "ID"))
    assert answers[0] == answers[1]


async def test_the_token_decides_the_creator(user: User, stored: Stored) -> None:
    headers = user.tenant.headers(sub=str(user.tenant.other_user_id))
    answer = await call(user, "POST", "/import", headers)
    await user.ended(answer.json()["id"])
    (lead,) = await stored.leads(user.tenant.company_id)
    assert lead["creator_id"] == user.tenant.other_user_id


async def test_a_user_that_does_not_exist(user: User, stored: Stored) -> None:
    """A signed token of a user who was removed: refused, not an internal error."""
    answer = await call(user, "POST", "/import", user.tenant.headers(sub=str(2**31 - 1)))
    assert answer.status_code in {401, 403, 422}
    problem(answer, answer.status_code, answer.json()["code"])
    await stored.nothing_of(user.tenant.company_id)
