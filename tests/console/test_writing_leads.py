"""Leads that a person writes down by hand, and what an import is told beside its file: fields, a list, silence."""

import re
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, Route, expect

from tests.console.steps import Leads, check_file, choose_references, tab_to
from tests.support.browser import Person
from tests.support.readers import Stored
from tests.support.user import User, new_phones

MAKING = re.compile(r"/api/v1/leads$")


async def test_a_lead_is_written_down_once_though_the_answer_was_lost(ana: Person, leads: Leads) -> None:
    page = ana.page
    lost: list[int] = []

    async def lose_the_first(route: Route) -> None:
        answer = await route.fetch()
        if not lost:
            lost.append(answer.status)
            await route.abort()
        else:
            await route.fulfill(response=answer)

    await page.route(MAKING, lose_the_first)
    await ana.open("/leads")
    await page.get_by_role("link", name="New lead").click()
    await expect(page.get_by_role("heading", name="New lead")).to_be_focused()
    await page.get_by_label("Name", exact=True).fill("Janaína Prado")
    await page.get_by_label("E-mail").fill("nobody@nowhere")
    await page.get_by_label("Phone").fill("(11) 98765-4321")
    await page.get_by_label("Source").select_option("Referral")
    await page.get_by_label("Assigned to").select_option("B")
    await page.get_by_role("button", name="Create lead").click()
    await expect(page.get_by_role("alert").first).to_be_visible()
    assert lost == [422]
    await page.get_by_role("button", name="Create lead").click()
    await expect(page.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    lost.clear()
    await page.get_by_label("E-mail").fill("janaina@example.com")
    await page.get_by_role("button", name="Create lead").click()
    await expect(page.get_by_role("alert").filter(has_text="No connection").first).to_be_visible()
    assert lost == [201]
    await page.get_by_role("button", name="Create lead").click()
    await expect(page.get_by_role("heading", name="Janaína Prado")).to_be_focused()
    found = await leads.call("GET", "/leads")
    assert [(each["name"], each["source"], each["channel"]) for each in found["items"]] == [
        ("Janaína Prado", "referral", "MANUAL")
    ]
    assert found["items"][0]["assigned_to"] == ana.tenant.other_user_id


async def test_who_is_there_already_is_shown_before_another_is_made(ana: Person, leads: Leads) -> None:
    page, keys = ana.page, ana.page.keyboard
    had = await leads.make("Ana Lima", company="Clínica Boa Vista", email="ana@example.com")
    await ana.open("/leads")
    await tab_to(ana, "New lead")
    await keys.press("Enter")
    await expect(page.get_by_role("heading", name="New lead")).to_be_focused()
    await keys.press("Tab")
    await keys.type("Ana L.")
    await keys.press("Tab")
    await keys.type("ana@example.com")
    await keys.press("Enter")
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("You have a lead with this phone or e-mail")
    await expect(alert).to_contain_text("Ana Lima · Clínica Boa Vista · ana@example.com")
    # What is written is not lost by a look at the other.
    await page.get_by_role("link", name="Show the lead").click()
    await page.get_by_role("dialog").get_by_role("button", name="Stay").click()
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Ana L.")
    await page.get_by_role("button", name="Create anyway").click()
    await expect(page.get_by_role("heading", name="Ana L.")).to_be_focused()
    assert (await leads.call("GET", "/leads"))["total"] == 2
    await page.go_back()
    await page.get_by_role("link", name="New lead").click()
    await page.get_by_label("Name", exact=True).fill("Ana")
    await page.get_by_label("E-mail").fill("ana@example.com")
    await page.get_by_role("button", name="Create lead").click()
    await page.get_by_role("link", name="Show the lead").click()
    await page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    await expect(page).to_have_url(re.compile("/leads/[0-9a-f-]{36}$"))
    assert had


def card(page: Page, header: str) -> Locator:
    """Return what says of a column what it holds."""
    return page.locator(".column", has=page.get_by_label(header, exact=True))


def sheet(folder: Path, name: str = "feira.csv") -> Path:
    phones = new_phones(2)
    rows = (f"Ana Lima;{phones[0]};Santos;2;x", f"Rui Reis;{phones[1]};Recife;;y")
    file = folder / name
    file.write_text("\n".join(["Nome;Celular;Cidade;Filhos;Rascunho", *rows]) + "\n")
    return file


async def test_columns_become_fields_and_the_leads_join_a_new_list_in_silence(
    ana: Person, leads: Leads, user: User, stored: Stored, tmp_path: Path
) -> None:
    page = ana.page
    await leads.call("POST", "/lists", {"name": "Feira"})
    await ana.open("/imports/new")
    await check_file(ana, sheet(tmp_path))
    await choose_references(ana)
    for header, said in (("Cidade", "A new field of your company: text"), ("Filhos", "company: number")):
        await page.get_by_label(header, exact=True).select_option("A field of its own")
        await expect(card(page, header)).to_contain_text(said)
    # The third stays left out; one that was kept can be left out again.
    await expect(page.get_by_label("Rascunho", exact=True)).to_have_value("")
    await page.get_by_label("Filhos", exact=True).select_option("Left out")
    await expect(card(page, "Filhos")).to_have_class(re.compile("column-out"))
    await page.get_by_label("Filhos", exact=True).select_option("A field of its own")
    await expect(card(page, "Filhos")).to_contain_text("number")
    await page.get_by_label("Import silently").check()
    await page.get_by_label("Put the leads into a list").select_option("A new list…")
    button = page.locator(".bottom button")
    await expect(button).to_be_disabled()
    await expect(page.locator(".bottom")).to_contain_text("Give the new list a name.")
    await page.get_by_label("Name of the new list").fill("feira")
    await expect(button).to_be_enabled(timeout=15_000)
    await button.click()
    await expect(page.get_by_role("alert")).to_contain_text("There is a list “feira” already")
    await page.get_by_label("Name of the new list").fill("Feira de maio")
    await expect(button).to_be_enabled(timeout=15_000)
    await button.click()
    await page.get_by_role("link", name="See these 2 leads").click(timeout=30_000)
    await page.get_by_role("link", name="Ana Lima").click()
    facts = page.locator(".facts")
    await expect(facts).to_contain_text("Cidade")
    await expect(facts).to_contain_text("Santos")
    await expect(facts).not_to_contain_text("Rascunho")
    found = await leads.call("GET", "/fields")
    assert [(each["label"], each["type"]) for each in found["items"]] == [("Cidade", "string"), ("Filhos", "number")]
    lists = {each["name"]: each["lead_count"] for each in (await leads.call("GET", "/lists"))["items"]}
    assert lists == {"Feira": 0, "Feira de maio": 2}
    asked = "SELECT bool_and(options ? 'silent') FROM amigocare.lead_imports WHERE company_id = :c"
    assert await stored.value(asked, c=ana.tenant.company_id) is True


async def test_what_was_kept_is_remembered_and_an_old_list_is_chosen(ana: Person, leads: Leads, tmp_path: Path) -> None:
    page = ana.page
    await leads.call("POST", "/lists", {"name": "Feira"})
    seen: list[list[dict[str, Any]]] = []
    for at in range(2):
        await page.goto("about:blank")
        await ana.open("/imports/new")
        await check_file(ana, sheet(tmp_path, f"feira{at}.csv"))
        await choose_references(ana)
        if at == 0:
            await page.get_by_label("Cidade", exact=True).select_option("A field of its own")
        says = "A new field" if at == 0 else "Fills your field “Cidade”"
        await expect(card(page, "Cidade")).to_contain_text(says)
        await page.get_by_label("Put the leads into a list").select_option("Feira")
        button = page.locator(".bottom button")
        await expect(button).to_be_enabled(timeout=15_000)
        await button.click()
        await page.get_by_role("link", name="See these 2 leads").click(timeout=30_000)
        await expect(page.locator(".leads tbody .name")).to_have_count(2)
        seen.append((await leads.call("GET", "/fields"))["items"])
    assert seen[0] == seen[1]
    assert [each["key"] for each in seen[1]] == ["cidade"]
