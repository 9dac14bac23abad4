"""The whole way of a messy sheet, as a person goes it who has read nothing: all rows are accounted for at each step."""

import json
from pathlib import Path
from typing import Any

import openpyxl
from playwright.async_api import Locator, expect
from sqlalchemy import text

from tests.console.steps import check_file, choose_references
from tests.support.browser import Person, picture
from tests.support.processes import held, needs_local_stack
from tests.support.readers import Stored
from tests.support.stack import ROOT
from tests.support.user import User, csv_file, lead_rows, new_phones

MIXED = ROOT / "examples" / "mixed.xlsx"
EXPECTED: dict[str, Any] = json.loads((ROOT / "examples" / "expected.json").read_bytes())["mixed.xlsx"]
# Nobody's patients and chats are known to a new company.
KNOWN = EXPECTED["reasons"]["patient_exists"] + EXPECTED["reasons"]["chat_exists"]
CREATED, TWICE, ERRORS = EXPECTED["total_created"] + KNOWN, EXPECTED["reasons"]["in_file"], EXPECTED["total_errors"]


async def numbers(place: Locator) -> list[int]:
    return [int(text.replace(",", "")) for text in await place.locator("strong.number").all_inner_texts()]


async def test_a_messy_sheet_is_checked_corrected_imported_and_sent_again(ana: Person, tmp_path: Path) -> None:
    page = ana.page
    await ana.open("/imports/new")
    await check_file(ana, MIXED)
    await choose_references(ana)
    # Its columns were found by their titles, and what will become of its rows is said before anything is stored.
    for header, field in (("Nome completo", "name"), ("Celular", "phone"), ("Etiquetas", "tags"), ("Cidade", "")):
        await expect(page.get_by_label(header, exact=True)).to_have_value(field)
    forecast = page.locator(".result .sum")
    assert await numbers(forecast) == [CREATED, TWICE, ERRORS, CREATED + TWICE + ERRORS]
    await picture(page, "check")
    await page.get_by_role("button", name="phone is not valid").click()
    cell = page.get_by_label("Row 5, Phone")
    await expect(cell).to_have_value("91234-5678")
    (phone,) = new_phones(1)
    await cell.fill(phone)
    await cell.press("Enter")
    await expect(page.get_by_role("button", name=f"Import {CREATED + TWICE + 1} valid rows")).to_be_enabled()
    assert await numbers(forecast) == [CREATED + 1, TWICE, ERRORS - 1, CREATED + TWICE + ERRORS]
    await page.keyboard.press("Control+Enter")
    # What became of them is what was said.
    await expect(page.locator(".badge", has_text="Finished")).to_be_visible(timeout=30_000)
    assert await numbers(page.locator(".result .sum")) == [CREATED + 1, TWICE, ERRORS - 1, CREATED + TWICE + ERRORS]
    first = page.url
    await picture(page, "result")
    # The rows with errors, in the file's own columns: corrected in the spreadsheet and sent again.
    await page.get_by_role("button", name=f"with errors {ERRORS - 1}").click()
    corrected = await corrected_report(ana, tmp_path)
    await page.get_by_role("link", name="Send corrected").click()
    await check_file(ana, corrected)
    await choose_references(ana)
    assert await numbers(forecast) == [ERRORS - 1, 0, 0, ERRORS - 1]
    await page.get_by_role("button", name=f"Import {ERRORS - 1} rows").click()
    await expect(page.locator(".badge", has_text="Finished")).to_be_visible(timeout=30_000)
    await page.get_by_role("link", name="Corrects import").click()
    await expect(page).to_have_url(first)
    await expect(page.get_by_role("link", name="Corrected by import")).to_be_visible()
    # And taken back: how many leads, before anything is done.
    await page.get_by_role("button", name="Undo").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text(f"{CREATED + 1} leads are taken back with their chats")
    await dialog.get_by_role("button", name=f"Take {CREATED + 1} leads back").click()
    await expect(page.get_by_text(f"{CREATED + 1} leads were taken back. None was kept.")).to_be_visible(timeout=30_000)
    await expect(page.locator(".badge", has_text="Undone")).to_be_visible()


async def corrected_report(ana: Person, folder: Path) -> Path:
    """Download the rows that are shown as a workbook, and write over what is wrong in it."""
    async with ana.page.expect_download() as started:
        await ana.page.get_by_role("button", name="Download 8 rows (XLSX)").click()
    path = folder / "corrected.xlsx"
    await (await started.value).save_as(path)
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    header, *rows = sheet.iter_rows()
    titles = [cell.value for cell in header]
    assert titles == ["Nome completo", "Celular", "E-mail", "CPF", "Etiquetas", "row", "outcome", "reason"]
    good = {"Nome completo": "Ana Lima", "E-mail": None, "CPF": None}
    for row, phone in zip(rows, new_phones(len(rows)), strict=True):
        for title, value in (good | {"Celular": phone}).items():
            row[titles.index(title)].value = value
    book.save(path)
    return path


async def test_a_lead_that_somebody_used_is_kept_by_an_undo_and_named(ana: Person, user: User, stored: Stored) -> None:
    done = await user.run(csv_file(lead_rows(new_phones(3))), name="Feira")
    async with stored.engine.begin() as connection:
        change = "UPDATE amigocare.amigocare_leads SET updated_at = now() WHERE id = :id"
        await connection.execute(text(change), {"id": (await stored.leads(user.tenant.company_id))[0]["id"]})
    await ana.open(f"/imports/{done['id']}")
    await ana.page.get_by_role("button", name="Undo").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Take 3 leads back").click()
    await expect(ana.page.get_by_text("2 leads were taken back. 1 was kept.")).to_be_visible(timeout=30_000)
    await ana.page.get_by_text("Show the lead that was kept").click()
    await expect(ana.page.get_by_text("Somebody has changed the lead since it was imported.")).to_be_visible()


@needs_local_stack
async def test_an_import_is_canceled_in_one_window_and_seen_to_be_in_another(ana: Person, user: User) -> None:
    other = await ana.context.new_page()
    with held("tagger"):
        import_id = await user.accept(csv_file(lead_rows(new_phones(30))), name="Engano")
        await ana.open(f"/imports/{import_id}")
        await ana.page.evaluate("navigator.serviceWorker.ready")
        await other.goto(ana.page.url)
        await ana.page.get_by_role("button", name="Cancel import").click()
        dialog = ana.page.get_by_role("dialog")
        await expect(dialog).to_contain_text("30 rows are left and will not be imported")
        await dialog.get_by_role("button", name="Cancel import").click()
        for window in (ana.page, other):
            await expect(window.locator(".badge", has_text="Canceled")).to_be_visible(timeout=30_000)
            await expect(window.get_by_role("button", name="Download 30 rows (XLSX)")).to_be_visible()
