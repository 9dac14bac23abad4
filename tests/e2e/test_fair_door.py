"""One company sends and asks for all it can, and others are answered as if nobody else were there."""

import asyncio
import json
import time
from asyncio import StreamWriter
from collections.abc import AsyncIterator
from pathlib import Path

import annotated_types
import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.contracts.lead_import.words import words
from services.api.settings import Settings
from tests.support.flood import flood
from tests.support.own_api import OwnApi, own_api
from tests.support.platform import Tenant
from tests.support.stack import Addresses
from tests.support.user import NewUser, User, csv_file, lead_rows, new_phones
from tests.support.waiting import eventually

AT_ONCE = 8
MOST_SECONDS = 2.0
"""For the answer to an honest upload."""
LOAD_COSTS = 3
"""Times what it costs one that is alone: who waits for a turn has several waits."""
SLOW_ROWS = 120_000
SETTINGS = {
    "parse_processes": "2",
    "uploads_at_once": str(AT_ONCE),
    "max_rows_per_file": str(SLOW_ROWS),
    "reports_at_once": "4",
    "quota_rows": "100000000",
    "quota_imports": "1000",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(stack: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnApi]:
    async with own_api(stack, tmp_path_factory.mktemp("api"), **SETTINGS) as api:
        yield api


@pytest_asyncio.fixture
async def client(api: OwnApi) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api.url, timeout=60, limits=httpx.Limits(max_connections=None)) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def calm(stack: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A service that nobody floods."""
    async with (
        own_api(stack, tmp_path_factory.mktemp("calm"), **SETTINGS) as api,
        httpx.AsyncClient(base_url=api.url, timeout=60) as client,
    ):
        yield client


async def silent_upload(client: httpx.AsyncClient, tenant: Tenant, *, seconds: float = 2) -> StreamWriter | None:
    """Begin an upload and send nothing of it; None when it was refused, for which so many seconds are waited."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    token = tenant.headers()["Authorization"]
    writer.write(
        f"POST /import HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x".encode()
    )
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n"), seconds)
    except TimeoutError:
        return writer
    assert head.startswith(b"HTTP/1.1 503")
    writer.close()
    return None


async def honest_upload(user: User, calm: httpx.AsyncClient) -> float:
    """Return the seconds until an upload was accepted, without what the machine's load cost it.

    That is told by the same upload to a service that nobody else asks, at the same time: beside the start of a whole
    stack both take seconds.
    """

    async def accepted(by: User) -> float:
        began = time.monotonic()
        answer = await by.upload(csv_file(lead_rows(new_phones(3))))
        assert answer.status_code == 202, answer.text
        return time.monotonic() - began

    seconds, beside = await asyncio.gather(accepted(user), accepted(User(calm, user.tenant)))
    return seconds - LOAD_COSTS * beside


def slow_file() -> bytes:
    """Return a file that is refused in the end, so that the stack is not left with half a million rows to import."""
    rows = [[f"Ana {at}", str(11_900_000_000 + at), "", "", ""] for at in range(SLOW_ROWS - 1)]
    return csv_file([["", "no phone", "", "", ""], *rows])


async def test_beside_uploads_that_send_nothing(
    client: httpx.AsyncClient, calm: httpx.AsyncClient, user: User, new_user: NewUser
) -> None:
    other = User(client, (await new_user()).tenant)
    silent = await asyncio.gather(*(silent_upload(client, user.tenant) for _ in range(4 * AT_ONCE)))
    held = [writer for writer in silent if writer is not None]
    try:
        assert len(held) == AT_ONCE // 2
        assert await honest_upload(other, calm) <= MOST_SECONDS
    finally:
        for writer in held:
            writer.close()

    async def free() -> bool:
        return (await User(client, user.tenant).upload(csv_file(lead_rows(new_phones(1))))).status_code == 202

    await eventually(free, what="a place for the company that held all it could")


async def test_beside_files_that_are_slow_to_read(
    client: httpx.AsyncClient, calm: httpx.AsyncClient, user: User, new_user: NewUser
) -> None:
    other = User(client, (await new_user()).tenant)
    slow = slow_file()
    uploads = [asyncio.create_task(User(client, user.tenant).upload(slow)) for _ in range(AT_ONCE // 2)]
    await asyncio.sleep(1)
    waited = [await honest_upload(other, calm) for _ in range(3)]
    at_work = sum(not upload.done() for upload in uploads)
    for upload in uploads:
        upload.cancel()
    assert at_work >= 2, "the slow files were read already, so nothing was shown"
    assert max(waited) <= MOST_SECONDS


def read_uploads(folder: Path) -> int:
    """Return of how many uploads there is only what was read of them."""
    return sum(not (spool.parent / "upload").exists() for spool in folder.glob("*/spool"))


async def test_beside_previews_that_wait_for_a_mongodb_that_is_away(
    stack: Addresses, tmp_path: Path, calm: httpx.AsyncClient, user: User, new_user: NewUser
) -> None:
    """Companies whose previews hold every place for uploads until their files are read leave none of them held."""
    honest = (await new_user()).tenant
    file = csv_file(lead_rows(new_phones(1)))
    settings = SETTINGS | {"uploads_at_once": "4", "mongo_url": "mongodb://127.0.0.1:1/leadflow"}
    async with (
        own_api(stack, tmp_path, **settings) as api,
        httpx.AsyncClient(base_url=api.url, timeout=60, limits=httpx.Limits(max_connections=None)) as client,
    ):
        companies = [user.tenant, *[(await new_user()).tenant for _ in range(3)]]
        # Processes that read files take seconds to start here, as long as an answer is waited for.
        await asyncio.gather(*(User(client, each).preview(file) for each in companies))
        previews = [asyncio.create_task(User(client, each).preview(file)) for each in companies]

        async def all_are_read() -> bool:
            return read_uploads(api.folder) == len(companies)

        await eventually(all_are_read, what="previews that wait for MongoDB")
        began = time.monotonic()
        assert await honest_upload(User(client, honest), calm) <= MOST_SECONDS
        assert not all(preview.done() for preview in previews), "none waited any more, so nothing was shown"
        answers = await asyncio.gather(*previews)
        assert time.monotonic() - began < 20, "MongoDB was waited for as long as its settings have it"
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert [each["code"] for each in answer.json()["warnings"]] == ["no_forecast"]


READERS = 32
READ_PATHS = ("/imports/{id}/rows?limit=500", "/imports/{id}/rows?format=csv", "/imports/{id}/rows?format=xlsx")


@pytest.mark.parametrize("path", READ_PATHS)
async def test_beside_many_who_read_what_is_large(
    client: httpx.AsyncClient,
    calm: httpx.AsyncClient,
    user: User,
    new_user: NewUser,
    stack_engine: AsyncEngine,
    path: str,
) -> None:
    """As of a file of 2,500 rows that are wrong in every cell, whose reasons are far longer than it is."""
    other, flooding = User(client, (await new_user()).tenant), User(client, user.tenant)
    import_id = (await flooding.run(csv_file([["Ana", "1", "", "", ""]] * 2_500), on_invalid_row="skip"))["id"]
    async with stack_engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE amigocare.lead_import_rows SET detail = :detail, cells = CAST(:cells AS jsonb)"
                " WHERE import_id = :id"
            ),
            {
                "id": import_id,
                "detail": " ".join(f"number {at}: {words('en').messages['number_invalid']}" for at in range(54)),
                "cells": json.dumps(["x"] * 54),
            },
        )
    headers = flooding.tenant.headers() | {"Accept-Language": "pt-BR"}
    async with flood(client.base_url.port or 0, path.format(id=import_id), headers, readers=READERS):
        waited = [await honest_upload(other, calm) for _ in range(5)]
    assert max(waited) <= MOST_SECONDS


def least(name: str) -> str:
    """Return the smallest value that a setting of api may have."""
    (bound,) = (each.ge for each in Settings.model_fields[name].metadata if isinstance(each, annotated_types.Ge))
    return str(bound)


PLACES = ("parse_processes", "parse_queue", "uploads_at_once", "reports_at_once")


async def test_with_the_least_that_the_settings_allow(
    stack: Addresses, tmp_path: Path, calm: httpx.AsyncClient, user: User, new_user: NewUser
) -> None:
    others = (await new_user()).tenant
    settings = SETTINGS | {name: least(name) for name in PLACES}
    async with (
        own_api(stack, tmp_path, **settings) as api,
        httpx.AsyncClient(base_url=api.url, timeout=60) as client,
    ):
        other = User(client, others)
        held = await silent_upload(client, user.tenant)
        assert held is not None
        assert await silent_upload(client, user.tenant, seconds=20) is None
        assert await honest_upload(other, calm) <= MOST_SECONDS
        held.close()
        file = slow_file()

        async def one_after_the_other() -> None:
            while True:
                await User(client, user.tenant).upload(file)

        slow = asyncio.create_task(one_after_the_other())
        await asyncio.sleep(1)
        waited = [await honest_upload(other, calm) for _ in range(3)]
        assert not slow.done()
        slow.cancel()
        assert max(waited) <= MOST_SECONDS


async def test_reports_whose_readers_leave_leave_nothing_behind_and_are_so_many_at_once(
    api: OwnApi, client: httpx.AsyncClient, user: User
) -> None:
    user = User(client, user.tenant)
    rows = csv_file([["Ana", "no phone", "", "", ""]] * 30_000)
    import_id = (await user.run(rows, on_invalid_row="skip"))["id"]
    request = f"GET /imports/{import_id}/rows?format=xlsx HTTP/1.1\r\nHost: x\r\nAuthorization: "
    request += f"{user.tenant.headers()['Authorization']}\r\n\r\n"
    for _ in range(3):
        readers = []
        for _ in range(6):
            reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
            writer.write(request.encode())
            readers.append((reader, writer))
        heads = [await asyncio.wait_for(reader.readuntil(b"\r\n"), 10) for reader, _ in readers]
        assert sorted(head[9:12] for head in heads) == [b"200"] * 2 + [b"503"] * 4

        async def some_file() -> bool:
            return any("leadflow-upload-" in name for name in api.left_behind())

        await eventually(some_file, what="a report that is being made")
        for _, writer in readers:
            writer.transport.abort()

        async def nothing() -> bool:
            return api.left_behind() == []

        await eventually(nothing, what="an empty folder")
    whole = await user.get(f"/imports/{import_id}/rows", format="xlsx")
    assert whole.status_code == 200
    assert whole.content[:2] == b"PK"


async def test_each_upload_has_a_line_in_the_log_with_nothing_personal(
    api: OwnApi, client: httpx.AsyncClient, user: User
) -> None:
    user = User(client, user.tenant)
    rows = lead_rows(new_phones(2))
    accepted = await user.upload(csv_file(rows), file_name="Ana Silva.csv")
    refused = await user.upload(csv_file([["Bia", "no phone", "", "", ""]]), file_name="Ana Silva.csv")
    assert (accepted.status_code, refused.status_code) == (202, 422)
    assert refused.json()["detail"] == "1 of 1 rows are not valid."
    assert (refused.json()["invalid_rows"], refused.json()["total_rows"]) == (1, 1)
    log = api.log.read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    by_id = {line["request_id"]: line for line in lines if line["event"] in {"accepted", "refused"}}
    told = by_id[accepted.headers["x-request-id"]]
    assert told["event"] == "accepted"
    assert told["import_id"] == accepted.json()["id"]
    assert (told["company_id"], told["rows"]) == (user.tenant.company_id, 2)
    assert told["bytes"] == len(csv_file(rows))
    assert told["seconds"] > 0
    told = by_id[refused.headers["x-request-id"]]
    assert (told["event"], told["code"], told["status"]) == ("refused", "invalid_rows", 422)
    assert (told["company_id"], told["bytes"]) == (
        user.tenant.company_id,
        len(csv_file([["Bia", "no phone", "", "", ""]])),
    )
    assert not any(word in log for word in ("Ana", "Bia", rows[0][1]))
