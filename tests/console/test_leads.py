"""Leads in the console: found, moved, assigned, converted; and what a person is told whom another was before."""

import re
from io import BytesIO
from typing import Any
from uuid import UUID

import httpx
import openpyxl
from playwright.async_api import Locator, Page, expect
from sqlalchemy import text

from libs.contracts.leads.events import LeadStatus
from services.leads.domain.transitions import reachable
from tests.console.steps import Leads, refusal, tab_to
from tests.support.browser import Person, picture
from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.user import User, csv_file, lead_rows, new_phones

LEADS = re.compile(r"/api/v1/leads\?")


async def captured(http: httpx.AsyncClient, stored: Stored, tenant: Tenant, **lead: str) -> str:
    """Send the form of a site of the company; return the lead's id."""
    key = unique("form")
    statement = "INSERT INTO crm.capture_forms (key, company_id, origins) VALUES (:key, :company_id, '{}')"
    async with stored.engine.begin() as connection:
        await connection.execute(text(statement), {"key": key, "company_id": tenant.company_id})
    answer = await http.post("/api/v1/leads", json=lead, headers={"X-Form-Key": key})
    assert answer.status_code == 201, answer.text
    lead_id: str = answer.json()["id"]
    return lead_id


def rows(page: Page) -> Locator:
    return page.locator(".leads tbody .name")


async def test_a_lead_of_the_form_is_found_moved_assigned_and_converted(
    ana: Person, leads: Leads, http: httpx.AsyncClient, stored: Stored
) -> None:
    page = ana.page
    enquiry = {"phone": "+5511987654321", "company": "Clínica Boa Vista", "message": "Quero saber dos planos."}
    lead_id = await captured(
        http, stored, ana.tenant, name="Janaína Prado", email="janaina@example.com", source="website", **enquiry
    )
    others = (("João Alves", "proposal"), ("Rita Lima", "contacted"), ("Caio Dias", "closed_won"))
    for at, (name, status) in enumerate(others):
        made = await leads.make(
            name, company="Padaria Sol", phone=f"+55 11 95555-010{at}", email=f"vendas{at}@example.com"
        )
        await leads.call("PATCH", f"/leads/{made}/status", {"status": status})
        await leads.call("POST", f"/leads/{made}/assign", {"assigned_to": ana.tenant.user_id})
    await ana.open("/leads")
    await expect(page.get_by_role("status").filter(has_text="4 leads")).to_be_visible()
    await picture(page, "leads")
    # As one types, whatever accents; a phone in any spelling. What is looked for stands in no address.
    for looked_for in ("janai", "boa vista", "(11) 98765-4321"):
        await page.get_by_label("Search leads").fill(looked_for)
        await expect(page.get_by_role("status").filter(has_text="1 lead")).to_be_visible()
        await expect(rows(page)).to_have_text(["Janaína Prado"])
        assert page.url.endswith("/console/leads")
        await page.get_by_label("Search leads").fill("")
        await expect(rows(page)).to_have_count(4)
    # Who goes on before the search has begun finds it when coming back.
    await page.get_by_label("Search leads").fill("(11) 98765-4321")
    await page.get_by_role("link", name="Janaína Prado").click()
    await expect(page.get_by_role("heading", name="Janaína Prado")).to_be_focused()
    await expect(page.get_by_text("Quero saber dos planos.")).to_be_visible()
    await move_assign_and_convert(ana)
    found = await leads.read(lead_id)
    assert found["status"] == "qualified"
    assert found["assigned_to"] == ana.tenant.other_user_id
    asked = "SELECT value FROM crm.opportunities WHERE id = :id"
    assert str(await stored.value(asked, id=UUID(found["opportunity_id"]))) == "1234.56"
    kinds = [each["activity_type"] for each in found["activities"]]
    assert kinds == ["converted", "contacted", "assigned", "assigned", "status_changed", "created"]
    # Back in the list, what was looked for is still there, and the lead as it is now.
    await page.go_back()
    await expect(page.get_by_label("Search leads")).to_have_value("(11) 98765-4321")
    await expect(page.get_by_role("row", name="Janaína Prado")).to_contain_text("Qualified")
    assert all("98765" not in url and "janai" not in url for url in ana.seen.addresses if "/console/" in url)


async def move_assign_and_convert(ana: Person) -> None:
    page, history, dialog = ana.page, ana.page.locator(".history"), ana.page.get_by_role("dialog")
    await expect(history).to_contain_text("Created, source: Website")
    # Moved, with a note.
    await page.get_by_role("button", name="Qualified").click()
    await dialog.get_by_label("Note").fill("Tem orçamento.")
    await dialog.get_by_role("button", name="Move").click()
    await expect(history).to_contain_text("Moved from “New” to “Qualified”")
    await expect(history).to_contain_text("Tem orçamento.")
    await expect(page.get_by_role("button", name="Qualified")).to_have_attribute("aria-current", "step")
    # Assigned to oneself, then to a colleague.
    await page.get_by_role("button", name="Assign to me").click()
    await expect(history).to_contain_text("Assigned to you")
    await page.get_by_role("button", name="A colleague").click()
    await dialog.get_by_label("Colleague").select_option("B")
    await dialog.get_by_role("button", name="Assign", exact=True).click()
    await expect(history).to_contain_text("Assigned to B")
    await page.get_by_label("Write what you know or did").fill("Ligou de volta.")
    await page.get_by_role("button", name="Contact", exact=True).click()
    await page.get_by_role("button", name="Write down").click()
    await expect(history).to_contain_text("Ligou de volta.")
    # And converted, once.
    await page.get_by_role("button", name="Make an opportunity").click()
    await expect(dialog.get_by_label("Title")).to_have_value("Clínica Boa Vista")
    await dialog.get_by_label("Value").fill("1234.56")
    await dialog.get_by_role("button", name="Make an opportunity").click()
    await expect(page.locator(".badge", has_text="Opportunity")).to_be_visible()
    await expect(page.get_by_role("button", name="Make an opportunity")).not_to_be_visible()
    await expect(history).to_contain_text("Became an opportunity")
    await picture(page, "lead")


async def test_the_filters_stand_in_the_address_and_narrow_the_list_down(ana: Person, leads: Leads) -> None:
    page = ana.page
    await leads.make("Ana Lima")
    moved = await leads.make("Rita Lima")
    await leads.call("PATCH", f"/leads/{moved}/status", {"status": "contacted"})
    await leads.call("POST", f"/leads/{moved}/assign", {"assigned_to": ana.tenant.user_id})
    await ana.open("/leads")
    await expect(rows(page)).to_have_count(2)
    await page.get_by_role("button", name="Contacted").click()
    await expect(rows(page)).to_have_text(["Rita Lima"])
    await page.get_by_label("Assigned to").select_option("Me")
    await expect(page).to_have_url(re.compile(rf"/leads\?status=contacted&assigned_to={ana.tenant.user_id}$"))
    await page.evaluate("navigator.serviceWorker.ready")
    await page.reload()
    await expect(rows(page)).to_have_text(["Rita Lima"])
    await page.get_by_role("link", name="Board").click()
    await expect(page.locator(".lead-card")).to_have_count(1)
    await page.get_by_role("link", name="Table").click()
    await page.get_by_role("button", name="Lost").click()
    await expect(page.get_by_role("heading", name="No lead matches")).to_be_visible()
    await page.get_by_role("button", name="Clear filters").click()
    await expect(rows(page)).to_have_count(2)
    await page.get_by_role("button", name="Created").click()
    await expect(rows(page)).to_have_text(["Ana Lima", "Rita Lima"])
    # Columns, kept for the next time.
    await page.get_by_role("button", name="Columns").click()
    await page.get_by_role("menuitemcheckbox", name="Priority").click()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("columnheader", name="Priority")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("columnheader", name="Priority")).to_be_visible()


async def test_an_import_leads_to_its_leads_which_are_put_into_a_list_and_exported(ana: Person, user: User) -> None:
    page = ana.page
    phones = new_phones(3)
    done = await user.run(csv_file(lead_rows(phones)), name="Feira")
    await ana.open(f"/imports/{done['id']}")
    await page.get_by_role("link", name="See these 3 leads").click()
    await expect(page).to_have_url(re.compile(rf"/leads\?import_id={done['id']}$"))
    await expect(rows(page)).to_have_count(3)
    await page.get_by_role("button", name="Put into a list").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Feira de maio")
    await dialog.get_by_role("button", name="Put 3 leads in").click()
    await expect(dialog).to_contain_text("3 leads were put in. The list has 3 leads now.")
    await dialog.get_by_role("button", name="Close").click()
    async with page.expect_download() as started:
        await page.get_by_role("button", name="Export CSV").click()
    exported = await (await started.value).path()
    assert exported.read_text(encoding="utf-8-sig").count(f"Lead {phones[0][:3]}") == 3
    async with page.expect_download() as started:
        await page.get_by_role("button", name="Export XLSX").click()
    book = openpyxl.load_workbook(BytesIO((await (await started.value).path()).read_bytes()), read_only=True)
    assert len(list(book.worksheets[0].rows)) == 1 + len(phones)
    await page.get_by_role("link", name="Lists").click()
    await page.get_by_role("link", name="Feira de maio").click()
    await expect(rows(page)).to_have_count(3)
    await rows(page).first.click()
    await page.get_by_role("button", name="Take out of Feira de maio").click()
    await expect(page.get_by_text("In no list.")).to_be_visible()
    await page.get_by_role("button", name="Put in").click()
    await expect(page.get_by_role("button", name="Take out of Feira de maio")).to_be_visible()
    # The list goes; its leads stay.
    await page.get_by_role("link", name="Leads", exact=True).click()
    await page.get_by_role("link", name="Lists").click()
    await page.get_by_role("button", name="Delete Feira de maio").click()
    await expect(dialog).to_contain_text("The 3 leads in it stay.")
    await dialog.get_by_role("button", name="Delete list").click()
    await expect(page.get_by_role("heading", name="No lists yet")).to_be_visible()


async def test_fields_of_ones_own_are_made_filled_in_and_looked_for(ana: Person, leads: Leads) -> None:
    page = ana.page
    lead_id = await leads.make("Ana Lima")
    await leads.make("Rita Lima")
    await ana.open("/leads/fields")
    for label, kind in (("Número de filhos", "Number"), ("Convênio", "Yes or no")):
        await page.get_by_label("New field").fill(label)
        await page.get_by_label("Type").select_option(kind)
        await page.get_by_role("button", name="Make field").click()
        await expect(page.get_by_role("row", name=label)).to_contain_text(kind)
    await page.get_by_role("link", name="Table").click()
    await page.get_by_role("link", name="Ana Lima").click()
    await page.get_by_role("link", name="Edit").click()
    await page.get_by_label("Número de filhos").fill("2")
    await page.get_by_label("Convênio").select_option("Yes")
    await page.get_by_label("E-mail").fill("nobody@nowhere")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("E-mail").fill("ana@example.com")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Ana Lima", exact=True)).to_be_focused()
    assert (await leads.read(lead_id))["custom_fields"] == {"numero_de_filhos": 2, "convenio": True}
    await page.get_by_role("link", name="Leads", exact=True).click()
    await page.get_by_label("Own field").select_option("Número de filhos")
    await page.get_by_label("Número de filhos is").fill("2")
    await expect(rows(page)).to_have_text(["Ana Lima"])
    assert page.url.endswith("/console/leads")


async def test_what_another_window_changed_is_said_before_anything_is_overwritten(ana: Person, leads: Leads) -> None:
    page = ana.page
    lead_id = await leads.make("Ana Lima", company="Acme")
    await ana.open(f"/leads/{lead_id}/edit")
    await page.get_by_label("Company").fill("Gama")
    await page.get_by_label("Notes").fill("Minha anotação.")
    other = await ana.context.new_page()
    await page.evaluate("navigator.serviceWorker.ready")
    await other.goto(f"{ana.stack.api_url}/console/leads/{lead_id}/edit")
    await other.get_by_label("Company").fill("Beta")
    await other.get_by_label("Job title").fill("Diretora")
    await other.get_by_role("button", name="Save").click()
    await expect(other.get_by_role("heading", name="Ana Lima", exact=True)).to_be_focused()
    await page.get_by_role("button", name="Save").click()
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("Somebody changed this lead while you were writing")
    await expect(alert).to_contain_text("Company: was Acme, is now Beta. You wrote: Gama.")
    await expect(alert).to_contain_text("Job title: was empty, is now Diretora.")
    found = await leads.read(lead_id)
    assert (found["company"], found["notes"]) == ("Beta", None)
    # What was written is still there; the other's company is kept, the rest is saved.
    await expect(page.get_by_label("Company")).to_have_value("Gama")
    await expect(page.get_by_label("Job title")).to_have_value("Diretora")
    await alert.get_by_role("button", name="Keep Beta").click()
    await expect(page.get_by_label("Company")).to_have_value("Beta")
    await page.get_by_role("button", name="Save mine").click()
    await expect(page.get_by_role("heading", name="Ana Lima", exact=True)).to_be_focused()
    found = await leads.read(lead_id)
    assert (found["company"], found["job_title"], found["notes"]) == ("Beta", "Diretora", "Minha anotação.")


async def test_a_lead_that_another_moved_meanwhile_is_shown_as_it_is_and_not_moved(ana: Person, leads: Leads) -> None:
    page = ana.page
    lead_id = await leads.make("Ana Lima")
    await ana.open(f"/leads/{lead_id}")
    await page.get_by_role("button", name="Proposal").click()
    await leads.call("PATCH", f"/leads/{lead_id}/status", {"status": "contacted"})
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Move").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Somebody changed this lead meanwhile")
    await expect(dialog).to_contain_text("It stands in “Contacted”.")
    assert (await leads.read(lead_id))["status"] == "contacted"
    await dialog.get_by_role("button", name="Move").click()
    await expect(page.get_by_role("button", name="Proposal")).to_have_attribute("aria-current", "step")
    assert (await leads.read(lead_id))["status"] == "proposal"


async def test_the_board_moves_a_card_by_hand_and_says_when_another_was_first(ana: Person, leads: Leads) -> None:
    page = ana.page
    for name, status in (("João Alves", "contacted"), ("Caio Dias", "proposal"), ("Rita Prado", "closed_won")):
        other = await leads.make(name, company="Padaria Sol")
        await leads.call("PATCH", f"/leads/{other}/status", {"status": status})
    lead_id = await leads.make("Ana Lima", company="Clínica Boa Vista")
    await ana.open("/leads/board")
    await expect(page.locator(".lead-card")).to_have_count(4)
    card = page.locator(".lead-card", has_text="Ana Lima")
    await picture(page, "board")
    await card.drag_to(page.get_by_role("region", name="Qualified"))
    qualified = page.get_by_role("region", name="Qualified")
    await expect(qualified.get_by_role("link", name="Ana Lima")).to_be_visible()
    await expect(page.get_by_role("status").filter(has_text="Ana Lima stands in “Qualified” now.")).to_be_attached()
    assert (await leads.read(lead_id))["status"] == "qualified"
    await leads.call("PATCH", f"/leads/{lead_id}/status", {"status": "closed_won"})
    await card.drag_to(page.get_by_role("region", name="Proposal"))
    await expect(page.get_by_role("alert")).to_contain_text("Somebody moved it to “Won”")
    await expect(page.get_by_role("region", name="Won").get_by_role("link", name="Ana Lima")).to_be_visible()
    # Where it cannot go, it is not let go.
    await card.drag_to(page.get_by_role("region", name="Proposal"))
    assert (await leads.read(lead_id))["status"] == "closed_won"


async def test_the_pipeline_goes_with_the_keyboard_alone(ana: Person, leads: Leads) -> None:
    page, keys = ana.page, ana.page.keyboard
    await leads.make("Rita Lima")
    lead_id = await leads.make("Ana Lima")
    await ana.open("/leads")
    await tab_to(ana, "Search leads")
    await keys.type("ana")
    await expect(rows(page)).to_have_text(["Ana Lima"])
    await tab_to(ana, "Ana Lima")
    await keys.press("Enter")
    await expect(page.get_by_role("heading", name="Ana Lima")).to_be_focused()
    await tab_to(ana, "Contacted")
    await keys.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    await keys.press("Escape")
    await expect(dialog).not_to_be_visible()
    await expect(page.get_by_role("button", name="Contacted")).to_be_focused()
    await keys.press("Enter")
    await tab_to(ana, "Move")
    await keys.press("Enter")
    await expect(page.get_by_role("button", name="Contacted")).to_have_attribute("aria-current", "step")
    await expect(page.get_by_role("button", name="Contacted")).to_be_focused()
    # The board: the focus goes with the card.
    await page.get_by_role("link", name="Leads", exact=True).focus()
    await keys.press("Enter")
    await tab_to(ana, "Board")
    await keys.press("Enter")
    await expect(page.get_by_role("link", name="Ana Lima")).to_be_visible()
    await tab_to(ana, "Move Ana Lima")
    await keys.press("Enter")
    await expect(page.get_by_role("menuitem")).to_have_text(["New", "Qualified", "Proposal", "Won", "Lost"])
    await keys.press("ArrowDown")
    await keys.press("Enter")
    qualified = page.get_by_role("region", name="Qualified")
    await expect(qualified.get_by_role("button", name="Move Ana Lima")).to_be_focused()
    assert (await leads.read(lead_id))["status"] == "qualified"


async def test_the_console_offers_the_ways_that_the_server_takes(ana: Person, leads: Leads, stored: Stored) -> None:
    lead_id = await leads.make("Ana Lima")
    change = "UPDATE amigocare.amigocare_leads SET status = :status WHERE public_id = :id"
    words = {"new": "New", "contacted": "Contacted", "qualified": "Qualified", "proposal": "Proposal"}
    words |= {"closed_won": "Won", "closed_lost": "Lost"}
    for status in LeadStatus:
        await stored.execute(change, status=status.value, id=UUID(lead_id))
        await ana.page.goto("about:blank")
        await ana.open(f"/leads/{lead_id}")
        await expect(ana.page.locator(".path [aria-current=step]")).to_have_text(words[status])
        offered = ana.page.locator(".path button:not([aria-disabled=true])")
        await expect(offered).to_have_text([words[each] for each in reachable(status)])


async def test_a_lead_is_deleted_after_a_question(ana: Person, leads: Leads) -> None:
    page = ana.page
    lead_id = await leads.make("Ana Lima")
    await ana.open(f"/leads/{lead_id}")
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete lead").click()
    await expect(page.get_by_role("heading", name="No leads yet")).to_be_visible()
    await page.goto("about:blank")
    await ana.open(f"/leads/{lead_id}")
    await expect(page.get_by_role("alert")).to_contain_text("It was deleted, or belongs to another company")
    await page.goto("about:blank")
    await ana.open("/leads/7")
    await expect(page.get_by_role("alert")).to_contain_text("This does not exist")


async def test_who_may_only_look_is_offered_nothing_else(ana: Person, leads: Leads) -> None:
    async def only_viewer(route: Any) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, json=await answer.json() | {"permissions": {"LEADS": ["VIEW_LEADS"]}})

    page = ana.page
    lead_id = await leads.make("Ana Lima")
    await page.route(re.compile(r"/me$"), only_viewer)
    await ana.open(f"/leads/{lead_id}")
    await expect(page.locator(".history")).to_contain_text("Created")
    for button in ("Edit", "Delete", "Make an opportunity", "A colleague", "Write down"):
        await expect(page.get_by_text(button, exact=True)).not_to_be_visible()
    await expect(page.locator(".path button:not([aria-disabled=true])")).to_have_count(0)


async def test_without_a_connection_or_a_permission_the_list_says_so(ana: Person, leads: Leads) -> None:
    page = ana.page
    await leads.make("Ana Lima")
    await ana.open("/leads")
    await expect(rows(page)).to_have_text(["Ana Lima"])
    await ana.context.set_offline(True)
    await expect(page.get_by_text("No connection.")).to_be_visible()
    await expect(rows(page)).to_have_text(["Ana Lima"])
    await ana.context.set_offline(False)
    await expect(page.get_by_text("No connection.")).not_to_be_visible()

    async def refuse(route: Any) -> None:
        await route.fulfill(**refusal(403, "permission_missing"))

    await page.route(LEADS, refuse)
    await page.get_by_role("button", name="Lost").click()
    await expect(page.get_by_role("alert")).to_contain_text("You may not do this")
