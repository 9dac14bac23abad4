"""All services with a role of their own each, that owns no table, makes no role and sees what its store reads."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from deploy.local.postgres import OPERATOR, USER, login_of
from deploy.processes import SERVICES
from tests.support.on_call import OnCall, letter_of, without_the_import_channel
from tests.support.processes import needs_local_stack
from tests.support.readers import Stored, Topic, body_of
from tests.support.stack import Addresses, local
from tests.support.user import NewUser, User, csv_file, lead_rows, new_phones, problem, totals
from tests.support.waiting import eventually

pytestmark = needs_local_stack


@pytest_asyncio.fixture(scope="module", autouse=True)
async def own_roles(stack: Addresses) -> AsyncIterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADFLOW_LOCAL_ROLES", "1")
        await asyncio.to_thread(local, "up")
    yield
    await asyncio.to_thread(local, "up")


async def test_no_service_owns_anything(stored: Stored) -> None:
    names = "SELECT DISTINCT usename::text FROM pg_stat_activity WHERE application_name = ANY(:services)"
    there = {row["usename"] for row in await stored.rows(names, services=[f"leadflow-{each}" for each in SERVICES])}
    logins = {login_of(service) for service in SERVICES}
    assert there <= logins
    assert login_of("api") in there
    owned = "SELECT count(*) FROM pg_shdepend WHERE deptype = 'o' AND refobjid = ANY(CAST(:roles AS regrole[]))"
    assert await stored.value(owned, roles=sorted(logins)) == 0
    mighty = "rolsuper OR rolcreaterole OR rolbypassrls OR rolcreatedb"
    assert (
        await stored.value(
            f"SELECT count(*) FROM pg_roles WHERE rolname = ANY(:roles) AND ({mighty})", roles=sorted(logins)
        )
        == 0
    )


async def test_an_import_from_the_upload_to_the_finished_event(user: User, stored: Stored, finished: Topic) -> None:
    phones = new_phones(40)
    rows = [*lead_rows(phones[:30], "feira, nova"), *lead_rows(phones[:5]), *lead_rows(phones[30:])]
    uploaded = await user.upload(csv_file(rows), name="Feira", tag_ids=user.tenant.tag_ids[:1])
    assert uploaded.status_code == 202, uploaded.text
    (record,) = await finished.all_of(uploaded.json()["id"], stored)
    assert totals(body_of(record)) == (40, 5, 0)
    assert await stored.consistent(user.tenant.company_id) == 40
    problem(await user.upload(csv_file(rows), name="feira"), 409, "name_taken")
    again = await user.upload(csv_file(lead_rows(phones)), name="Outra")
    (record,) = await finished.all_of(again.json()["id"], stored)
    assert totals(body_of(record)) == (0, 40, 0)


async def test_an_import_of_further_columns_and_a_list(user: User, stored: Stored) -> None:
    company, made_by = user.tenant.company_id, user.tenant.user_id
    list_id = str(await stored.value("SELECT uuidv7()"))
    await stored.execute(
        "INSERT INTO crm.lead_lists (id, company_id, name, created_by) VALUES (CAST(:i AS uuid), :c, 'Feira', :u)",
        i=list_id,
        c=company,
        u=made_by,
    )
    await stored.execute(
        "INSERT INTO crm.field_definitions (company_id, key, label, type, created_by)"
        " VALUES (:c, 'budget', 'Budget', 'number', :u)",
        c=company,
        u=made_by,
    )
    content = f"Nome,Celular,Verba\nAna,{new_phones(1)[0]},12\n".encode()
    data: dict[str, Any] = {"columns": "mapped", "mapping": {"Verba": "custom:budget"}, "list_id": list_id}
    uploaded = await user.upload(content, **data)
    assert uploaded.status_code == 202, uploaded.text

    async def joined() -> bool:
        count: int = await stored.value("SELECT lead_count FROM crm.lead_lists WHERE id = CAST(:i AS uuid)", i=list_id)
        return count == 1

    await eventually(joined)
    (lead,) = await stored.leads(company)
    assert lead["custom_fields"] == {"budget": 12}


async def test_an_import_whose_columns_become_fields(user: User, stored: Stored) -> None:
    content = f"Nome,Celular,Cidade\nAna,{new_phones(1)[0]},Santos\n".encode()
    found = await user.run(content, columns="mapped", extra_columns="keep")
    assert found["status"] == "FINISHED"
    (lead,) = await stored.leads(user.tenant.company_id)
    assert lead["custom_fields"] == {"cidade": "Santos"}


async def test_what_was_imported_is_listed_read_and_deleted(user: User) -> None:
    uploaded = await user.upload(csv_file(lead_rows(new_phones(3))))
    import_id = uploaded.json()["id"]
    await user.ended(import_id)
    assert [each["id"] for each in (await user.get("/imports")).json()["items"]] == [import_id]
    assert (await user.get(f"/imports/{import_id}/rows")).status_code == 200
    assert (await user.delete(import_id)).status_code == 204
    assert (await user.get(f"/imports/{import_id}")).status_code == 404


async def test_tags_that_nobody_uses_are_cleaned(user: User, stored: Stored, finished: Topic) -> None:
    """The finalizer looks at chat_tags and at every import's holds, and deletes."""
    (phone,) = new_phones(1)
    first = await user.upload(csv_file(lead_rows([phone], "fica")), name="Um")
    await finished.all_of(first.json()["id"], stored)
    second = await user.upload(csv_file(lead_rows([phone], "vai")), name="Dois")
    await finished.all_of(second.json()["id"], stored)
    live = "SELECT name FROM amigocare.tags WHERE company_id = :c AND NOT is_deleted AND name IN ('fica', 'vai')"
    assert [row["name"] for row in await stored.rows(live, c=user.tenant.company_id)] == ["fica"]


async def test_another_company_s_import_does_not_exist(user: User, new_user: NewUser) -> None:
    uploaded = await user.upload(csv_file(lead_rows(new_phones(1))))
    stranger = await new_user()
    assert (await stranger.get(f"/imports/{uploaded.json()['id']}")).status_code == 404
    await user.ended(uploaded.json()["id"])


def on_call_as(login: str, stack: Addresses) -> OnCall:
    return OnCall(replace(stack, postgres_url=stack.postgres_url.replace(f"//{USER}:", f"//{login}:")))


async def test_the_people_on_call_look_and_repair_as_a_role_of_their_own(
    stack: Addresses, user: User, stored: Stored
) -> None:
    """With a service's they would see nothing, where each has its own."""
    on_call = on_call_as(login_of(OPERATOR), stack)
    async with without_the_import_channel(stored):
        failed = await user.run(csv_file(lead_rows(new_phones(3))))
    assert failed["status"] == "FAILED"
    number = str(failed["id"])
    assert number in await on_call("chunks")
    assert await on_call_as(login_of("creator"), stack)("chunks") == "No imports.\n"
    assert "dead-lettered" in await on_call("imports", "inspect", number)
    _, letter = letter_of(f"{number}:0", await on_call("dead-letters", "list"))
    assert "dead-lettered" in letter
    assert "1 chunks go through all stages again" in await on_call("dead-letters", "replay", "--import", number)
    ended = await user.ended(failed["id"])
    assert (ended["status"], totals(ended)) == ("FINISHED", (3, 0, 0))
