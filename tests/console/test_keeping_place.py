"""Whoever goes by keys stands somewhere after each dialog and each act, whatever became of the button that began it."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.console.steps import Leads, check_file, expect_focus_on, press, tab_to
from tests.support.browser import Person
from tests.support.processes import held, needs_local_stack
from tests.support.user import User, csv_file, lead_rows, new_phones


async def test_on_a_leads_page(ana: Person, leads: Leads) -> None:
    page, keys = ana.page, ana.page.keyboard
    await leads.call("POST", "/lists", {"name": "Feira"})
    lead_id = await leads.make("Ana Lima")
    await ana.open(f"/leads/{lead_id}")
    await press(ana, "Contacted", "Move")
    await expect(page.get_by_role("button", name="Contacted")).to_have_attribute("aria-current", "step")
    await expect_focus_on(ana, "Contacted")
    await press(ana, "A colleague")
    await tab_to(ana, "#assign-user")
    await keys.press("ArrowDown")
    await press(ana, "Assign")
    await expect_focus_on(ana, "A colleague")
    # What was pressed goes with the act.
    await press(ana, "Assign to me")
    await expect(page.locator(".history")).to_contain_text("Assigned to you")
    await expect_focus_on(ana, "A colleague")
    await press(ana, "Nobody")
    await expect(page.locator(".history")).to_contain_text("Assigned to nobody")
    await expect_focus_on(ana, "A colleague")
    await press(ana, "Put in")
    await expect_focus_on(ana, "Feira")
    await press(ana, "Take out of Feira")
    await expect(page.get_by_text("In no list.")).to_be_visible()
    await expect_focus_on(ana, "List to put it into")
    await tab_to(ana, "#note")
    await keys.type("Ligou.")
    await press(ana, "Write down")
    await expect(page.locator(".history")).to_contain_text("Ligou.")
    await expect_focus_on(ana, "Write down")
    await press(ana, "Make an opportunity")
    await expect(page.get_by_label("Stage")).to_be_visible()
    await press(ana, "Make an opportunity")
    await expect(page.locator(".badge", has_text="Opportunity")).to_be_visible()
    await expect_focus_on(ana, "Edit")
    await keys.press("Enter")
    await tab_to(ana, "#edit-company")
    await keys.type("Acme")
    await press(ana, "Cancel", "Stay")
    await expect_focus_on(ana, "Cancel")
    await press(ana, "Save", "Delete")
    await keys.press("Escape")
    await expect_focus_on(ana, "Delete")
    await keys.press("Enter")
    await press(ana, "Delete lead")
    await expect_focus_on(ana, "Leads")


@pytest.mark.parametrize(
    ("thing", "rename", "next_row", "at_last"),
    [
        ("list", "Rename", "Dois", "Make list"),
        ("field", "Rename", "Rename Dois", "Template (CSV)"),
        ("form", "Change", "Put into a page: Dois", "Make form"),
    ],
)
async def test_where_things_are_made_and_deleted(
    ana: Person, thing: str, rename: str, next_row: str, at_last: str
) -> None:
    page, keys = ana.page, ana.page.keyboard
    make, delete = f"Make {thing}", f"Delete {thing}"
    await ana.open(f"/leads/{thing}s")
    for name in ("Um", "Dois"):
        await tab_to(ana, "#field-label" if thing == "field" else f"#{thing}-name")
        await keys.type(name)
        await press(ana, make)
        await expect(page.get_by_role("row", name=name)).to_be_visible()
        await expect_focus_on(ana, make)
    for began in (f"{rename} Um", "Delete Um", *(["Put into a page: Um"] if thing == "form" else [])):
        await press(ana, began)
        await keys.press("Escape")
        await expect_focus_on(ana, began)
    await press(ana, f"{rename} Um")
    await tab_to(ana, "#thing-name")
    await keys.type("Primeiro")
    await keys.press("Enter")
    await expect_focus_on(ana, f"{rename} Primeiro")
    # The row goes, and with it the button; then the table does.
    await press(ana, "Delete Primeiro", delete)
    await expect(page.get_by_role("row", name="Primeiro")).not_to_be_visible()
    await expect_focus_on(ana, next_row)
    await press(ana, "Delete Dois", delete)
    await expect(page.locator(".empty")).to_be_visible()
    await expect_focus_on(ana, at_last)


async def test_among_the_leads_and_on_the_board(ana: Person, leads: Leads) -> None:
    page, keys = ana.page, ana.page.keyboard
    for name in ("Ana Lima", "Rita Reis"):
        await leads.make(name)
    await ana.open("/leads")
    await expect(page.locator(".leads a.name")).to_have_count(2)
    await press(ana, "Put into a list")
    await keys.press("Escape")
    await expect_focus_on(ana, "Put into a list")
    await keys.press("Enter")
    await tab_to(ana, "#new-list")
    await keys.type("Feira")
    await keys.press("Enter")
    await expect(page.get_by_role("dialog")).to_contain_text("2 leads were put in")
    await press(ana, "Close")
    await expect_focus_on(ana, "Put into a list")
    await press(ana, "Columns")
    await keys.press("Escape")
    await expect_focus_on(ana, "Columns")
    await press(ana, "Lost")
    await press(ana, "Clear filters")
    await expect(page.locator(".leads a.name")).to_have_count(2)
    await expect(page.locator(":focus")).to_be_visible()
    await press(ana, "Board", "Move Rita Reis")
    await expect(page.get_by_role("menu")).to_be_visible()
    await keys.press("Enter")
    await expect(page.get_by_role("region", name="Contacted").get_by_role("link", name="Rita Reis")).to_be_visible()
    await expect_focus_on(ana, "Move Rita Reis")


async def test_where_cells_are_corrected(ana: Person, tmp_path: Path) -> None:
    page, keys = ana.page, ana.page.keyboard
    file = tmp_path / "leads.csv"
    file.write_bytes(csv_file([*lead_rows(new_phones(1)), ["Ana", "123", "", "", ""]]))
    await ana.open("/imports/new")
    await check_file(ana, file)
    await tab_to(ana, "Row 3, Phone: correct")
    await keys.type(new_phones(1)[0])
    await keys.press("Enter")
    await expect(page.get_by_text("1 row corrected")).to_be_visible()
    await expect_focus_on(ana, "Row 3, Phone: correct")
    await press(ana, "Forget")
    await expect(page.get_by_text("1 row corrected")).not_to_be_visible()
    await expect(page.locator(":focus")).to_be_visible()
    await press(ana, "Imports", "Stay")
    await expect_focus_on(ana, "Imports")


@needs_local_stack
async def test_on_an_imports_page(ana: Person, user: User) -> None:
    page, keys = ana.page, ana.page.keyboard
    # The finalizer is what ends a canceled import: held too, it leaves the time to look.
    with held("tagger"), held("finalizer"):
        canceled = await user.accept(csv_file(lead_rows(new_phones(2))), name="Engano")
        await ana.open(f"/imports/{canceled}")
        await press(ana, "Cancel import")
        await keys.press("Escape")
        await expect_focus_on(ana, "Cancel import", streams=True)
        await keys.press("Enter")
        await press(ana, "Cancel import")
        await expect(page.get_by_role("button", name="Canceling")).to_be_focused()
    await expect(page.locator(".badge", has_text="Canceled")).to_be_visible(timeout=30_000)
    await expect_focus_on(ana, "Delete")
    done = await user.run(csv_file(lead_rows(new_phones(2))), name="Feira")
    await page.goto("about:blank")
    await ana.open(f"/imports/{done['id']}")
    for began in ("Undo", "Delete"):
        await press(ana, began)
        await keys.press("Escape")
        await expect_focus_on(ana, began)
    await press(ana, "Undo", "Take 2 leads back")
    await expect(page.get_by_text("2 leads were taken back")).to_be_visible(timeout=30_000)
    await expect(page.locator(":focus")).to_be_visible()
    await press(ana, "Delete", "Delete import")
    await expect_focus_on(ana, "Imports")
