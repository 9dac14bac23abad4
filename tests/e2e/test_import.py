"""An upload becomes leads, chats, tags and one finished event."""

import asyncio
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from tests.support.readers import Stored, Topic, body_of, headers_of
from tests.support.user import COLUMNS, NewUser, User, csv_file, lead_rows, new_phones, totals, xlsx_file

CPF = "529.982.247-25"


def moment(value: str) -> datetime:
    read = datetime.fromisoformat(value)
    assert read.tzinfo is not None
    return read


async def test_the_answer_to_an_upload(user: User) -> None:
    response = await user.upload(csv_file(lead_rows(new_phones(3))), name="  Feira de março  ")
    assert response.status_code == 202
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body["status"] == "PROCESSING"
    assert body["total_rows"] == 3
    assert body["name"] == "Feira de março"
    assert (body["account_id"], body["source_id"]) == (user.tenant.account_id, user.tenant.source_id)
    assert abs(moment(body["created_at"]) - datetime.now(UTC)) < timedelta(seconds=30)
    assert response.headers["location"] == f"/imports/{body['id']}"
    followed = await user.get(response.headers["location"])
    assert followed.json()["id"] == body["id"]


async def test_one_row_to_the_finished_event(user: User, stored: Stored, finished: Topic) -> None:
    (phone,) = new_phones(1)
    response = await user.upload(
        csv_file([["Ana Júlia", phone, CPF, "ana@clinica.com.br", "nova"]]), tag_ids=user.tenant.tag_ids[:1]
    )
    upload = response.json()
    (record,) = await finished.all_of(upload["id"], stored)
    assert record.key == str(upload["id"]).encode()
    body = body_of(record)
    expected = {
        "import_id": upload["id"],
        "company_id": user.tenant.company_id,
        "account_id": user.tenant.account_id,
        "source_id": user.tenant.source_id,
        "creator_id": user.tenant.user_id,
        "status": "FINISHED",
        "total_rows": 1,
        "total_created": 1,
        "total_existing": 0,
        "total_errors": 0,
        "failure_reason": None,
        "revision": 1,
    }
    assert {name: body[name] for name in expected} == expected
    assert set(body) == {*expected, "accepted_at", "finished_at"}
    assert moment(body["accepted_at"]) == moment(upload["created_at"])
    assert moment(body["accepted_at"]) < moment(body["finished_at"]) < datetime.now(UTC)
    read = await user.read(upload["id"])
    assert moment(read["finished_at"]) == moment(body["finished_at"])


async def test_headers_of_the_finished_event(user: User, finished: Topic) -> None:
    import_id = await user.accept(csv_file(lead_rows(new_phones(1))))
    record = await finished.first_of(import_id)
    headers = headers_of(record)
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_type"] == "lead:import-finished"
    assert headers["ce_source"]
    assert uuid.UUID(headers["ce_id"]).version == 5
    assert abs(moment(headers["ce_time"]) - datetime.now(UTC)) < timedelta(seconds=30)
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", headers["traceparent"])
    assert headers["content-type"].startswith("application/json")


async def test_public_events_hold_no_personal_data(
    user: User, stored: Stored, finished: Topic, accepted: Topic
) -> None:
    (phone,) = new_phones(1)
    import_id = await user.accept(csv_file([["Zulmira", phone, CPF, "zulmira@clinica.com.br", "particular"]]))
    await finished.first_of(import_id)
    (announced,) = await accepted.all_of(import_id, stored)
    for record in (announced, finished.records[str(import_id)][0]):
        assert body_of(record)["import_id"] == import_id
        text = record.value.decode().lower()
        for personal in ("zulmira", phone, "52998224725", "particular"):
            assert personal not in text


async def test_every_column_of_a_lead(user: User, stored: Stored) -> None:
    (phone,) = new_phones(1)
    began = datetime.now(UTC)
    import_id = await user.accept(csv_file([[" Ana Júlia ", f"+55 {phone}", CPF, "Ana@Clinica.com.br", ""]]))
    await user.ended(import_id)
    (lead,) = await stored.leads(user.tenant.company_id)
    assert lead.pop("id") > 0
    assert ObjectId.is_valid(lead.pop("chat_id"))
    created_at, updated_at = lead.pop("created_at"), lead.pop("updated_at")
    assert began - timedelta(seconds=5) < created_at <= updated_at < datetime.now(UTC) + timedelta(seconds=5)
    channel_id = lead.pop("channel_id")
    assert await stored.value("SELECT id FROM amigocare.lead_channels WHERE name = 'IMPORT'") == channel_id
    assert lead.pop("email").lower() == "ana@clinica.com.br"
    assert uuid.UUID(str(lead.pop("public_id"))).version == 7
    assert lead == {
        "name": "Ana Júlia",
        "cpf": "52998224725",
        "contact_cellphone": phone,
        "contact_cellphone_dial_code": "55",
        "contact_cellphone_country_code": "BR",
        "source_id": user.tenant.source_id,
        "import_id": import_id,
        "company_id": user.tenant.company_id,
        "amigocare_messaging_account_id": user.tenant.account_id,
        "creator_id": user.tenant.user_id,
        "patient_id": None,
        "attendance_id": None,
        "converted_by": None,
        "converted_at": None,
        "converted_from": None,
        "is_deleted": False,
        "destroyer_id": None,
        "channel": "IMPORT",
        "channel_is_deleted": False,
        "tags": [],
        # What people do with a lead: nobody has touched it yet.
        "status": "new",
        "priority": "medium",
        "assigned_to": None,
        "first_name": None,
        "last_name": None,
        "company_name": None,
        "job_title": None,
        "linkedin_url": None,
        "phone_as_written": None,
        "message": None,
        "notes": None,
        "custom_fields": None,
        "version": 1,
        "closed_at": None,
        "opportunity_id": None,
    }


async def test_blank_optional_cells_are_stored_as_null(user: User, stored: Stored) -> None:
    (phone,) = new_phones(1)
    await user.run(csv_file([["Só Nome", phone, " ", "", "  "]]))
    (lead,) = await stored.leads(user.tenant.company_id)
    assert (lead["cpf"], lead["email"], lead["tags"]) == (None, None, [])


async def test_every_field_of_a_chat(user: User, stored: Stored) -> None:
    (phone,) = new_phones(1)
    began = datetime.now(UTC)
    import_id = await user.accept(csv_file([["Ana Júlia", phone, "", "", ""]]))
    await user.ended(import_id)
    (lead,) = await stored.leads(user.tenant.company_id)
    (chat,) = await stored.chats_of(user.tenant.company_id)
    assert isinstance(chat["_id"], ObjectId)
    assert str(chat.pop("_id")) == lead["chat_id"]
    created_at, updated_at = chat.pop("created_at"), chat.pop("updated_at")
    assert began - timedelta(seconds=5) < created_at <= updated_at < datetime.now(UTC) + timedelta(seconds=5)
    assert chat == {
        "company_id": user.tenant.company_id,
        "account_id": user.tenant.account_id,
        "lead_id": lead["id"],
        "import_id": import_id,
        "name": "Ana Júlia",
        "contact_cellphone": phone,
        "contact_cellphone_dial_code": "55",
        "contact_cellphone_country_code": "BR",
    }


async def test_the_import_row_in_the_database(user: User, stored: Stored) -> None:
    import_id = await user.accept(csv_file(lead_rows(new_phones(2))), name="Feira")
    await user.ended(import_id)
    (found,) = await stored.rows("SELECT * FROM amigocare.lead_imports WHERE id = :id", id=import_id)
    expected = {
        "name": "Feira",
        "status": "FINISHED",
        "total_created": 2,
        "total_existing": 0,
        "total_errors": 0,
        "is_deleted": False,
        "creator_id": user.tenant.user_id,
        "company_id": user.tenant.company_id,
        "source_id": user.tenant.source_id,
        "account_id": user.tenant.account_id,
        "total_rows": 2,
        "file_name": "leads.csv",
        "failure_reason": None,
    }
    assert {column: found[column] for column in expected} == expected
    assert found["created_at"] < found["finished_at"] <= found["updated_at"]
    payloads = "SELECT count(payload) FROM amigocare.lead_import_chunks WHERE import_id = :id"
    assert await stored.value(payloads, id=import_id) == 0


async def test_tags_of_the_request_and_of_the_rows(user: User, stored: Stored) -> None:
    """The company has Cliente, Parceiro, VIP. Rows write them otherwise, twice, and with new ones."""
    cliente, _, vip = user.tenant.tag_ids
    first, second, third = new_phones(3)
    rows = [
        ["A", first, "", "", "vip, Região dos Lagos, REGIÃO DOS LAGOS"],
        ["B", second, "", "", " região dos lagos ,CLIENTE,, Site"],
        ["C", third, "", "", ""],
    ]
    found = await user.run(csv_file(rows), tag_ids=[cliente])
    assert found["total_created"] == 3
    tags = {lead["contact_cellphone"]: sorted(lead["tags"]) for lead in await stored.leads(user.tenant.company_id)}
    assert {phone: [name.lower() for name in names] for phone, names in tags.items()} == {
        first: ["cliente", "região dos lagos", "vip"],
        second: ["cliente", "região dos lagos", "site"],
        third: ["cliente"],
    }
    known = await stored.rows("SELECT * FROM amigocare.tags WHERE company_id = :c", c=user.tenant.company_id)
    assert sorted(tag["name"].lower() for tag in known) == ["cliente", "parceiro", "região dos lagos", "site", "vip"]
    assert {tag["id"]: tag["name"] for tag in known}[vip] == "VIP"
    for tag in known:
        assert (tag["creator_id"], tag["destroyer_id"], tag["is_deleted"]) == (user.tenant.user_id, None, False)


async def test_every_column_of_a_chat_tag(user: User, stored: Stored) -> None:
    cliente = user.tenant.tag_ids[0]
    await user.run(csv_file(lead_rows(new_phones(1))), tag_ids=[cliente, cliente])
    (lead,) = await stored.leads(user.tenant.company_id)
    (link,) = await stored.rows("SELECT * FROM amigocare.chat_tags WHERE company_id = :c", c=user.tenant.company_id)
    assert link.pop("id") > 0
    assert link.pop("created_at") <= link.pop("updated_at")
    assert link == {
        "chat_id": lead["chat_id"],
        "tag_id": cliente,
        "lead_id": lead["id"],
        "company_id": user.tenant.company_id,
        "creator_id": user.tenant.user_id,
        "destroyer_id": None,
        "is_deleted": False,
    }


async def test_imports_at_once_make_a_new_tag_once(user: User, stored: Stored) -> None:
    names = ["Alfa", "beta", "GAMA", "delta"]
    files = [csv_file(lead_rows(new_phones(30), tags=",".join(names[turn:] + names[:turn]))) for turn in range(4)]
    files[1] = files[1].lower()
    for found in await asyncio.gather(*(user.run(file) for file in files)):
        assert totals(found) == (30, 0, 0)
    made = await stored.rows("SELECT name FROM amigocare.tags WHERE company_id = :c", c=user.tenant.company_id)
    assert len(made) == 3 + len(names)
    for lead in await stored.leads(user.tenant.company_id):
        assert sorted(name.lower() for name in lead["tags"]) == sorted(name.lower() for name in names)


async def test_a_deleted_tag_and_another_companys_are_not_reused(user: User, new_user: NewUser, stored: Stored) -> None:
    stranger = await new_user()
    await stored.execute("UPDATE amigocare.tags SET is_deleted = true WHERE id = :id", id=user.tenant.tag_ids[2])
    await stored.execute("UPDATE amigocare.tags SET name = 'Só dela' WHERE id = :id", id=stranger.tenant.tag_ids[0])
    await user.run(csv_file(lead_rows(new_phones(1), tags="VIP, Só dela")))
    linked = await stored.rows(
        "SELECT tags.* FROM amigocare.chat_tags JOIN amigocare.tags ON tags.id = tag_id"
        " WHERE chat_tags.company_id = :c",
        c=user.tenant.company_id,
    )
    assert sorted(tag["name"] for tag in linked) == ["Só dela", "VIP"]
    for tag in linked:
        assert tag["company_id"] == user.tenant.company_id
        assert not tag["is_deleted"]


async def test_tags_of_rows_that_become_no_lead_are_not_left_behind(user: User, stored: Stored) -> None:
    (phone,) = new_phones(1)
    await user.run(csv_file(lead_rows([phone])))
    rows = [["A", phone, "", "", "Só existente"], ["B", phone, "", "", "Só repetida"]]
    assert totals(await user.run(csv_file(rows), tag_ids=user.tenant.tag_ids)) == (0, 2, 0)
    names = await stored.rows("SELECT name FROM amigocare.tags WHERE company_id = :c", c=user.tenant.company_id)
    assert sorted(tag["name"] for tag in names) == ["Cliente", "Parceiro", "VIP"]


async def test_the_same_file_again_under_a_new_name_exists(user: User, stored: Stored) -> None:
    file = csv_file(lead_rows(new_phones(40), tags="nova"))
    assert totals(await user.run(file)) == (40, 0, 0)
    again = await user.run(file)
    assert totals(again) == (0, 40, 0)
    rows = await user.rows(again["id"])
    assert [row["row"] for row in rows] == list(range(2, 42))
    assert {(row["outcome"], row["reason"]) for row in rows} == {("existing", "lead_exists")}
    assert await stored.consistent(user.tenant.company_id) == 40


async def test_cells_of_a_workbook_are_text_first(user: User, stored: Stored) -> None:
    """An Excel number is printed exactly; a CPF that lost its zeros is padded."""
    (phone,) = new_phones(1)
    rows: list[list[Any]] = [[2024, int(phone), 1234567890, None, 7], [True, float(f"55{int(phone) + 1}"), "", "", ""]]
    found = await user.run(xlsx_file(rows), file_name="leads.xlsx")
    assert totals(found) == (2, 0, 0)
    first, second = sorted(await stored.leads(user.tenant.company_id), key=lambda lead: lead["contact_cellphone"])
    assert (first["name"], first["contact_cellphone"], first["cpf"], first["tags"]) == (
        "2024",
        phone,
        "01234567890",
        ["7"],
    )
    assert second["contact_cellphone"] == str(int(phone) + 1)


async def test_headers_are_compared_trimmed_and_case_folded(user: User) -> None:
    header = [f" {column.upper()}\N{NO-BREAK SPACE}" for column in COLUMNS]
    assert totals(await user.run(csv_file(lead_rows(new_phones(1)), header=header))) == (1, 0, 0)


async def test_many_chunks_add_up(user: User, stored: Stored, finished: Topic) -> None:
    phones = new_phones(4_250)
    found = await user.run(csv_file(lead_rows(phones + phones[:150])))
    assert totals(found) == (4_250, 150, 0)
    assert found["progress"]["chunks"] == found["progress"]["chunks_settled"] >= 3
    (record,) = await finished.all_of(found["id"], stored)
    assert totals(body_of(record)) == (4_250, 150, 0)
    assert await stored.consistent(user.tenant.company_id) == 4_250
