"""NUL and halves of characters, in every text of every call of every service: never our fault, and nothing breaks."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.platform import EVERYTHING, create_tenant
from tests.support.processes import needs_local_stack
from tests.support.spoilt import HALF, NUL, Call, Examples, calls_of, spoilt
from tests.support.stack import Addresses, own_address
from tests.support.user import NewUser, User, csv_file, new_phones

pytestmark = needs_local_stack

IN_ADDRESS = {NUL: "%00", HALF: "%ED%A0%BD"}
IN_HEADER = b"a\xed\xa0\xbdb"
HEADER = ("Contato", "Celular", "Observações")
PLAIN = {200, 201, 202, 204, 409}
"""What a call is answered that nothing is wrong with; 409 is said of a name or a key that the call before took."""


@pytest_asyncio.fixture
async def leads(stack: Addresses, stack_engine: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """The service of leads itself, for a user who may do all."""
    tenant = await create_tenant(stack_engine, jwt_secret=stack.jwt_secret)
    headers = tenant.headers(permissions=EVERYTHING)
    async with httpx.AsyncClient(base_url=own_address("leads"), headers=headers, timeout=30) as client:
        yield client


@pytest_asyncio.fixture
async def api(new_user: NewUser) -> AsyncIterator[User]:
    """The api itself, for the first user of a new company."""
    async with httpx.AsyncClient(base_url=own_address("api"), timeout=30) as client:
        yield User(client, (await new_user()).tenant)


async def made(leads: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await leads.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def known_to_leads(leads: httpx.AsyncClient) -> dict[str, Any]:
    """Return what the company has, by the names of fields and parameters; nothing of it exists in another state."""
    pipelines = (await leads.get("/api/v1/pipelines")).json()["items"]
    users = (await leads.get("/api/v1/users")).json()["items"]
    await leads.post("/api/v1/fields", json={"key": "plan", "label": "Plan", "type": "string"})
    return {
        "own fields": ["plan"],
        "key": "plan",
        "name": "Ana",
        "email": "ana@example.com",
        "origins": ["https://www.example.com"],
        "value": "10.50",
        "currency": "BRL",
        "assigned_to": users[0]["id"],
        "stage_id": pipelines[0]["stages"][0]["id"],
        "list_id": (await made(leads, "lists", {"name": "Feira"}))["id"],
        "form_id": (await made(leads, "forms", {"name": "Contact"}))["id"],
    }


def odd_addresses(call: Call, known: dict[str, Any]) -> Iterator[str]:
    """Yield the call's address with an unwanted character in one of its parameters."""
    path = call.path.format(**known) if "{" in call.path else call.path
    for unwanted in IN_ADDRESS.values():
        for each in call.parameters:
            if each["in"] == "path":
                yield call.path.format(**known | {each["name"]: f"{known[each['name']]}{unwanted}"})
            elif each["in"] == "query":
                yield f"{path}?{each['name']}=a{unwanted}b"
        yield f"{path}{unwanted}"
        if call.method == "get":
            yield f"{path}?custom.plan=a{unwanted}b"
            yield f"{path}?custom.plan{unwanted}=a"


def odd_headers(call: Call) -> Iterator[dict[str, bytes]]:
    names = [each["name"] for each in call.parameters if each["in"] == "header"]
    return ({name: IN_HEADER} for name in names)


async def faults(client: httpx.AsyncClient, call: Call, known: dict[str, Any], **options: Any) -> list[str]:
    """Return the answers that blame us for an odd address or an odd header."""
    path = call.path.format(**known) if "{" in call.path else call.path
    found: list[tuple[str, dict[str, bytes]]] = [(address, {}) for address in odd_addresses(call, known)]
    found += [(path, header) for header in odd_headers(call)]
    answers = []
    for address, header in found:
        headers = {**options.get("headers", {}), **header}
        answer = await client.request(call.method, address, **{**options, "headers": headers})
        if answer.status_code >= 500:
            answers.append(f"{call.method} {address} {header}: {answer.status_code}")
    return answers


async def test_every_call_of_the_service_of_leads(leads: httpx.AsyncClient) -> None:
    document = (await leads.get("/openapi.json")).json()
    known = await known_to_leads(leads)
    found = []
    for call in calls_of(document):

        async def send(body: Any, call: Call = call) -> httpx.Response:
            # Each time a lead that nothing has happened to: some calls do nothing a second time.
            lead = await made(leads, "leads", {"name": "Ana", "email": "a@example.com", "allow_duplicate": True})
            path = call.path.format(**known | {"lead_id": lead["id"]})
            headers = {"Content-Type": "application/json"}
            return await leads.request(call.method, path, content=json.dumps(body), headers=headers)

        lead = await made(leads, "leads", {"name": "Ana", "email": "a@example.com", "allow_duplicate": True})
        now = known | {"lead_id": lead["id"], "lead_ids": [lead["id"]]}
        found += await faults(leads, call, now)
        if call.schema is None:
            continue
        for body in Examples(document, now).bodies(call.schema):
            answer = await send(body)
            assert answer.status_code in PLAIN, f"{call.name} {body}: {answer.text}"
            for unwanted in (NUL, HALF):
                for other in spoilt(body, unwanted):
                    answer = await send(other)
                    if answer.status_code >= 500 or (unwanted == HALF and not answer.json().get("errors")):
                        found.append(f"{call.name} {other}: {answer.status_code}")
    assert found == []


def multipart(data: str, file_name: bytes = b"leads.csv") -> dict[str, Any]:
    """Return the options of a request with a file of 20 rows, written by hand: httpx would write names otherwise."""
    file = csv_file([["Ana", phone, "x"] for phone in new_phones(20)], header=HEADER)
    parts = [
        b'--XX\r\nContent-Disposition: form-data; name="data"\r\n\r\n%s\r\n' % data.encode(),
        b'--XX\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n' % (file_name, file),
    ]
    return {"content": b"".join(parts) + b"--XX--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=XX"}}


def mapped(user: User) -> dict[str, Any]:
    """Return ``data`` of an upload that is accepted."""
    return user.tenant.data(
        on_invalid_row="skip",
        columns="mapped",
        mapping={"Contato": "name", "Celular": "phone", "Observações": "notes"},
        corrections={"17": {"phone": new_phones(1)[0], "name": "Bia", "notes": "y"}},
    )


def odd_data(base: dict[str, Any], examples: Examples, schema: Any) -> Iterator[dict[str, Any]]:
    """Yield ``data`` with an unwanted character in one of its texts, also in those of fields that it does not have."""
    fields = examples.resolved(schema)["properties"]
    for unwanted in (NUL, HALF):
        yield from spoilt(base, unwanted)
        for name in fields.keys() - base.keys():
            yield from ({**base, **other} for other in spoilt({name: examples.of(fields[name], name)}, unwanted))


async def test_every_call_of_the_api(api: User, new_user: NewUser) -> None:
    document = (await api.http.get("/openapi.json")).json()
    known = {"import_id": (await api.run(csv_file([["Ana", new_phones(1)[0], "", "", ""]])))["id"]}
    examples = Examples(document, known)

    async def send(call: Call, data: dict[str, Any]) -> httpx.Response:
        # Of a company of its own: an account has five imports an hour.
        tenant = (await new_user()).tenant
        ids = {name: tenant.data()[name] for name in ("account_id", "source_id")}
        options = multipart(json.dumps({name: ids.get(name, value) for name, value in data.items()}))
        options["headers"] |= tenant.headers()
        return await api.http.request(call.method, call.path, **options)

    found = []
    for call in calls_of(document):
        found += await faults(api.http, call, known, headers=api.tenant.headers())
        if call.schema is None:
            continue
        base = mapped(api)
        answer = await send(call, base)
        assert answer.status_code in PLAIN, answer.text
        for data in odd_data(base, examples, call.schema):
            answer = await send(call, data)
            if answer.status_code >= 500:
                found.append(f"{call.name} {data}: {answer.status_code}")
    assert found == []


@pytest.mark.parametrize("file_name", [b"a\0b.csv", b"a\xed\xa0\xbdb.csv", b"\0"], ids=["NUL", "half", "NUL alone"])
@pytest.mark.parametrize("path", ["/import", "/import/preview"])
async def test_names_of_files(api: User, path: str, file_name: bytes) -> None:
    data = mapped(api)
    options = multipart(json.dumps(data), file_name)
    options["headers"] |= api.tenant.headers()
    answer = await api.http.post(path, **options)
    assert answer.status_code < 500, answer.text


async def test_a_correction_is_imported_without_nul(api: User) -> None:
    """As a cell of the file would be, and as the preview says."""
    (phone,) = new_phones(1)
    file = csv_file([["", "", "", "", ""], ["", phone, "", "", ""]])
    corrections = {"3": {"name": "A\0na"}}
    preview = await api.previewed(file, corrections=corrections, on_invalid_row="skip")
    assert preview["rows"][-1]["outcome"] == "created", preview
    ended = await api.run(file, corrections=corrections, on_invalid_row="skip")
    assert ended["total_created"] == 1
