"""More uploads than the api can read, and uploads that take for ever."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.own_api import OwnApi, own_api
from tests.support.platform import Tenant, create_tenant
from tests.support.readers import Stored
from tests.support.stack import Addresses
from tests.support.user import NewUser, User, csv_file, lead_rows, new_phones, problem, totals
from tests.support.waiting import eventually

PROCESSES = 2
CAN_READ = 4
"""Two at a time, two that wait."""
AT_ONCE = 6
FILE_BYTES = 4_000_000
UPLOAD_SECONDS = 1.0
"""Only where an upload shall take too long: of many at once on a busy machine each takes longer."""
SETTINGS = {
    "parse_processes": str(PROCESSES),
    "parse_queue": str(CAN_READ - PROCESSES),
    "uploads_at_once": str(AT_ONCE),
    "parse_seconds": "300",  # for processes that are held until all others are refused
}


@pytest_asyncio.fixture
async def api(request: pytest.FixtureRequest, stack: Addresses, tmp_path: Path) -> AsyncIterator[OwnApi]:
    """An api with these settings and, as the parameter, those that a test alone needs."""
    async with own_api(stack, tmp_path, **SETTINGS, **getattr(request, "param", {})) as api:
        yield api


@pytest_asyncio.fixture
async def client(api: OwnApi) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=api.url, timeout=30, limits=limits) as client:
        yield client


def large_file() -> bytes:
    """Return one lead and many blank records."""
    rows = csv_file(lead_rows(new_phones(1)))
    return rows + b",,,,\r\n" * ((FILE_BYTES - len(rows)) // 6)


async def test_ten_times_as_many_uploads_as_can_be_read(
    api: OwnApi, client: httpx.AsyncClient, stack: Addresses, stack_engine: AsyncEngine, stored: Stored
) -> None:
    """Some are accepted, the others are told when to come again; memory and disk hold no more than the limits say."""
    users = [User(client, await create_tenant(stack_engine, jwt_secret=stack.jwt_secret)) for _ in range(10)]
    before = psutil.Process(api.process.pid).memory_info().rss
    api.hold_reading()
    uploads = [asyncio.create_task(user.upload(large_file())) for user in users for _ in range(CAN_READ)]

    async def all_but_those_that_wait_were_refused() -> bool:
        return sum(upload.done() for upload in uploads) >= len(uploads) - CAN_READ

    await eventually(all_but_those_that_wait_were_refused, seconds=120, what="refusals")
    grown = psutil.Process(api.process.pid).memory_info().rss - before
    on_disk = sum(path.stat().st_size for path in api.folder.rglob("*") if path.is_file())
    api.release_reading()
    answers = await asyncio.gather(*uploads)
    statuses = Counter(answer.status_code for answer in answers)
    # Fewer wait when those who found a place free were of companies that had their share.
    assert 1 <= statuses[202] <= CAN_READ
    assert statuses[503] == len(uploads) - statuses[202]
    for answer in answers:
        if answer.status_code == 503:
            problem(answer, 503, "busy")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert grown < AT_ONCE * FILE_BYTES + 30_000_000 < len(uploads) * FILE_BYTES
    assert on_disk <= CAN_READ * (FILE_BYTES + 100_000)
    assert api.left_behind() == []
    accepted = Counter(int(answer.json()["account_id"]) for answer in answers if answer.status_code == 202)
    for user in users:
        imports = (await user.get("/imports")).json()["items"]
        assert len(imports) == accepted[user.tenant.account_id]
        for each in imports:
            assert totals(await user.ended(each["id"])) == (1, 0, 0)
        if not imports:
            await stored.nothing_of(user.tenant.company_id)
    assert (await users[0].upload(csv_file(lead_rows(new_phones(1))))).status_code == 202


@pytest.mark.parametrize("api", [{"upload_seconds": str(UPLOAD_SECONDS)}], indirect=True, ids=["impatient"])
async def test_an_upload_that_takes_for_ever(
    api: OwnApi, client: httpx.AsyncClient, user: User, new_user: NewUser
) -> None:
    """A byte now and then: it is ended by its time limit, and holds nothing afterwards."""
    user = User(client, user.tenant)

    async def slow(tenant: Tenant) -> bytes:
        request = client.build_request(
            "POST",
            "/import",
            files={"file": ("leads.csv", large_file(), "text/csv")},
            data={"data": json.dumps(tenant.data())},
            headers=tenant.headers(),
        )
        body = request.read()
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        reader, writer = await asyncio.open_connection(request.url.host, request.url.port)
        answer = asyncio.create_task(reader.readuntil(b"}"))
        try:
            writer.write(f"POST /import HTTP/1.1\r\n{head}\r\n".encode() + body[:2_000_000])
            for at in range(2_000_000, len(body)):
                writer.write(body[at : at + 1])
                await asyncio.wait([answer], timeout=0.05)
                if answer.done():
                    break
            return await answer
        finally:
            answer.cancel()
            writer.close()

    tenants = [(await new_user()).tenant for _ in range(AT_ONCE)]  # one alone would get half of the places
    # What comes after the refusal is heard for ten seconds at most, so that the caller reads the answer.
    async with asyncio.timeout(UPLOAD_SECONDS + 20), asyncio.TaskGroup() as clients:
        answers = [clients.create_task(slow(tenant)) for tenant in tenants]
    for answer in (each.result() for each in answers):
        assert answer.startswith(b"HTTP/1.1 408")
        assert b'"upload_too_slow"' in answer
    assert api.left_behind() == []
    assert (await user.upload(csv_file(lead_rows(new_phones(1))))).status_code == 202
