"""The whole way of a messy sheet, as a person goes it who has read nothing: all rows are accounted for at each step."""

import json
from pathlib import Path
from typing import Any

import openpyxl
from playwright.async_api import Locator, expect

from tests.console.steps import check_file, choose_references
from tests.support.browser import Person, picture
from tests.support.stack import ROOT
from tests.support.user import new_phones

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
