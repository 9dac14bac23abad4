"""Whom the platform already knows: leads, patients, chats; and the same phone twice."""

import asyncio
import random
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from tests.support.processes import held, needs_local_stack
from tests.support.readers import Stored, subscribed
from tests.support.stack import Addresses
from tests.support.user import NewUser, User, csv_file, lead_rows, new_phones, old_form, totals

Outcomes = dict[str, str]

CHUNK_TAGGED = "lead.import-chunk-tagged.v1"


class Platform:
    """What the host platform already holds of a company."""

    def __init__(self, stored: Stored, user: User) -> None:
        self.stored = stored
        self.user = user

    async def patient(self, phone: str, *, dial: str = "55", country: str = "BR", deleted: bool = False) -> None:
        await self.stored.execute(
            "INSERT INTO amigocare.patients (company_id, name, contact_cellphone, contact_cellphone_dial_code,"
            " contact_cellphone_country_code, deleted_at)"
            " VALUES (:c, 'Paciente', :phone, :dial, :country, CASE WHEN :deleted THEN now() END)",
            c=self.user.tenant.company_id,
            phone=phone,
            dial=dial,
            country=country,
            deleted=deleted,
        )

    async def chat(self, phone: str, *, account_id: int | None = None, dial: str = "55", country: str = "BR") -> None:
        now = datetime.now(UTC)
        await self.stored.chats.insert_one(
            {
                "_id": ObjectId(),
                "company_id": self.user.tenant.company_id,
                "account_id": account_id or self.user.tenant.account_id,
                "lead_id": None,
                "name": "Conversa",
                "contact_cellphone": phone,
                "contact_cellphone_dial_code": dial,
                "contact_cellphone_country_code": country,
                "created_at": now,
                "updated_at": now,
            }
        )

    async def lead(self, phone: str, *, account_id: int | None = None, deleted: bool = False) -> None:
        await self.stored.execute(
            "INSERT INTO amigocare.amigocare_leads (name, contact_cellphone, source_id, channel_id, company_id,"
            " amigocare_messaging_account_id, creator_id, is_deleted)"
            " SELECT 'Lead', :phone, :source, id, :c, :account, :user, :deleted FROM amigocare.lead_channels LIMIT 1",
            phone=phone,
            source=self.user.tenant.source_id,
            c=self.user.tenant.company_id,
            account=account_id or self.user.tenant.account_id,
            user=self.user.tenant.user_id,
            deleted=deleted,
        )


async def outcomes(user: User, phones: list[str], **changes: Any) -> Outcomes:
    """Import the phones; return ``created`` or the reason by phone."""
    found = await user.run(csv_file(lead_rows(phones)), **changes)
    reasons = {row["cells"][1]: row["reason"] for row in await user.rows(found["id"])}
    return {phone: reasons.get(phone, "created") for phone in phones}


async def test_known_in_either_form_of_a_mobile(user: User, stored: Stored) -> None:
    platform = Platform(stored, user)
    patient, old_patient, chat, old_chat, lead, old_lead, nobody = phones = new_phones(7)
    await platform.patient(patient)
    await platform.patient(old_form(old_patient))
    await platform.chat(chat)
    await platform.chat(old_form(old_chat))
    await platform.lead(lead)
    await platform.lead(old_form(old_lead))
    expected = {
        patient: "patient_exists",
        old_patient: "patient_exists",
        chat: "chat_exists",
        old_chat: "chat_exists",
        lead: "lead_exists",
        old_lead: "lead_exists",
        nobody: "created",
    }
    assert await outcomes(user, phones) == expected
    # Typed without the ninth digit, it is the same phone.
    typed = await outcomes(user, [old_form(phone) for phone in phones])
    assert typed == {old_form(phone): reason for phone, reason in (expected | {nobody: "lead_exists"}).items()}


async def test_landlines_have_one_form(user: User, stored: Stored) -> None:
    platform = Platform(stored, user)
    await platform.patient("1132345678")
    await platform.chat("1132345679")
    # With a nine before it, a landline's number is somebody else's mobile.
    assert await outcomes(user, ["1132345678", "11932345678", "1132345679", "11932345679", "1132345670"]) == {
        "1132345678": "patient_exists",
        "11932345678": "created",
        "1132345679": "chat_exists",
        "11932345679": "created",
        "1132345670": "created",
    }


async def test_other_countries_are_compared_as_a_whole(user: User, stored: Stored) -> None:
    platform = Platform(stored, user)
    same, elsewhere = new_phones(2)
    await platform.patient("912345678", dial="351", country="PT")
    await platform.chat("3053450147", dial="1", country="US")
    await platform.patient(elsewhere, dial="351", country="PT")
    await platform.chat(same, dial="54", country="AR")
    assert await outcomes(user, ["+351 912 345 678", "+1 (305) 345-0147", "+351 912 345 679", same, elsewhere]) == {
        "+351 912 345 678": "patient_exists",
        "+1 (305) 345-0147": "chat_exists",
        "+351 912 345 679": "created",
        same: "created",
        elsewhere: "created",
    }


async def test_what_is_another_companys_or_accounts_does_not_count(
    user: User, new_user: NewUser, stored: Stored
) -> None:
    """But a patient belongs to the company, whatever the account."""
    ours, theirs = Platform(stored, user), Platform(stored, await new_user())
    other = user.tenant.other_account_id
    phones = new_phones(6)
    await theirs.patient(phones[0])
    await theirs.chat(phones[1])
    await theirs.lead(phones[2])
    await ours.chat(phones[3], account_id=other)
    await ours.lead(phones[4], account_id=other)
    await ours.patient(phones[5])
    assert await outcomes(user, phones) == dict.fromkeys(phones[:5], "created") | {phones[5]: "patient_exists"}
    assert await outcomes(user, phones, account_id=other) == {
        phones[0]: "created",
        phones[1]: "created",
        phones[2]: "created",
        phones[3]: "chat_exists",
        phones[4]: "lead_exists",
        phones[5]: "patient_exists",
    }


async def test_what_is_deleted_does_not_count(user: User, stored: Stored) -> None:
    platform = Platform(stored, user)
    lead, patient, twice = new_phones(3)
    await platform.lead(lead, deleted=True)
    await platform.patient(patient, deleted=True)
    await platform.patient(twice, deleted=True)
    await platform.patient(old_form(twice))
    await platform.lead(lead, deleted=True)
    assert await outcomes(user, [lead, patient, twice]) == {
        lead: "created",
        patient: "created",
        twice: "patient_exists",
    }


async def test_one_phone_in_many_formats_is_one_lead(user: User, stored: Stored) -> None:
    (phone,) = new_phones(1)
    area, number = phone[:2], phone[2:]
    formats = [
        f"({area}) {number[:5]}-{number[5:]}",
        phone,
        f"+55 {area} {number}",
        f"55{phone}",
        f"0{phone}",
        f"+55{phone}",
        f"{area} {number[1:5]}.{number[5:]}",
        f"055 {area} {number[1:]}"[1:],
        f"\N{NO-BREAK SPACE}{phone}\N{ZERO WIDTH SPACE}",
    ]
    rows = [[f"Formato {number}", typed, "", "", ""] for number, typed in enumerate(formats)]
    found = await user.run(csv_file(rows))
    assert totals(found) == (1, len(formats) - 1, 0)
    (lead,) = await stored.leads(user.tenant.company_id)
    assert (lead["name"], lead["contact_cellphone"]) == ("Formato 0", phone)
    reasons = [(row["row"], row["reason"]) for row in await user.rows(found["id"])]
    assert reasons == [(row, "in_file") for row in range(3, len(formats) + 2)]


async def test_a_phone_that_repeats_across_chunks(user: User, stored: Stored) -> None:
    """The first wins also when the second is in another chunk, which may be worked on before."""
    phones = new_phones(550)
    rows = [["Primeiro", phones[0], "", "", ""], *lead_rows(phones[1:]), ["Último", phones[0], "", "", "repetida"]]
    found = await user.run(csv_file(rows))
    assert totals(found) == (550, 1, 0)
    (lead,) = [lead for lead in await stored.leads(user.tenant.company_id) if lead["contact_cellphone"] == phones[0]]
    assert (lead["name"], lead["tags"]) == ("Primeiro", [])


async def test_a_repeat_of_a_known_phone_is_in_file(user: User, stored: Stored) -> None:
    (phone,) = new_phones(1)
    await Platform(stored, user).patient(phone)
    found = await user.run(csv_file(lead_rows([phone, phone])))
    reasons = [(row["row"], row["reason"]) for row in await user.rows(found["id"])]
    assert reasons == [(2, "patient_exists"), (3, "in_file")]


@needs_local_stack
async def test_somebody_was_quicker_between_dedup_and_creator(user: User, stored: Stored, stack: Addresses) -> None:
    """A customer opened a chat, a colleague made a lead: both rows exist, and the tags made for them go again."""
    platform = Platform(stored, user)
    chat, old_chat, lead, nobody = phones = new_phones(4)
    with held("creator"):
        import_id = await user.accept(csv_file([*lead_rows(phones[:3], tags="só deles"), *lead_rows([nobody])]))
        async with subscribed(stack.kafka_bootstrap, CHUNK_TAGGED) as topic:
            await topic.first_of(f"{import_id}:0")
        await platform.chat(chat)
        await platform.chat(old_form(old_chat))
        await platform.lead(lead)
    assert totals(await user.ended(import_id)) == (1, 3, 0)
    reasons = {row["cells"][1]: row["reason"] for row in await user.rows(import_id)}
    assert reasons == {chat: "chat_exists", old_chat: "chat_exists", lead: "lead_exists"}
    assert await stored.consistent(user.tenant.company_id) == 1
    tags = "SELECT name FROM amigocare.tags WHERE company_id = :c AND NOT is_deleted ORDER BY id"
    names = [row["name"] for row in await stored.rows(tags, c=user.tenant.company_id)]
    assert names == ["Cliente", "Parceiro", "VIP"]


@needs_local_stack
async def test_a_tag_stays_while_another_import_holds_it(user: User, stored: Stored) -> None:
    """The first import made it and leaves it unused; the second, in progress meanwhile, uses it."""
    chat, lead = new_phones(2)
    with held("creator"):
        first = await user.accept(csv_file(lead_rows([chat], tags="Nova")))
        second = await user.accept(csv_file(lead_rows([lead], tags="nova")))
        await Platform(stored, user).chat(chat)
    assert totals(await user.ended(first)) == (0, 1, 0)
    assert totals(await user.ended(second)) == (1, 0, 0)
    (stays,) = [lead for lead in await stored.leads(user.tenant.company_id) if lead["import_id"] == second]
    assert [name.lower() for name in stays["tags"]] == ["nova"]
    live = "SELECT count(*) FROM amigocare.tags WHERE company_id = :c AND lower(name) = 'nova' AND NOT is_deleted"
    assert await stored.value(live, c=user.tenant.company_id) == 1


async def test_two_overlapping_imports_at_once(user: User, stored: Stored) -> None:
    phones = new_phones(900)
    files = [csv_file(lead_rows(phones[:600], tags="a,b")), csv_file(lead_rows(phones[300:][::-1], tags="B,A"))]
    first, second = await asyncio.gather(*(user.run(file) for file in files))
    assert first["total_created"] + second["total_created"] == 900
    assert first["total_existing"] + second["total_existing"] == 300
    assert first["total_errors"] + second["total_errors"] == 0
    assert await stored.consistent(user.tenant.company_id) == 900
    assert all(len(lead["tags"]) == 2 for lead in await stored.leads(user.tenant.company_id))


async def test_five_imports_of_the_same_phones_at_once(user: User, stored: Stored) -> None:
    phones = new_phones(200)
    files = []
    for number in range(5):
        shuffled = random.Random(number).sample(phones, len(phones))
        files.append(csv_file(lead_rows(shuffled, tags=random.Random(number).choice(["x,y,z", "z,y,x", "Y,z,X"]))))
    done = await asyncio.gather(*(user.run(file) for file in files))
    assert sum(found["total_created"] for found in done) == 200
    assert sum(found["total_existing"] for found in done) == 800
    assert await stored.consistent(user.tenant.company_id) == 200
    for found in done:
        reasons = {row["reason"] for row in await user.rows(found["id"])}
        assert reasons <= {"lead_exists", "chat_exists"}


async def test_the_same_phones_for_two_accounts_at_once(user: User, stored: Stored) -> None:
    file = csv_file(lead_rows(new_phones(300)))
    accounts = (user.tenant.account_id, user.tenant.other_account_id)
    for found in await asyncio.gather(*(user.run(file, account_id=account) for account in accounts)):
        assert totals(found) == (300, 0, 0)
    assert await stored.consistent(user.tenant.company_id) == 600
