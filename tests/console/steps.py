"""What a person does on the way from a file to an import."""

from pathlib import Path

from playwright.async_api import expect

from tests.support.browser import Person


async def check_file(ana: Person, file: Path) -> None:
    """Choose a file on the page of a new import, and come to the page that checks it."""
    await ana.page.locator("input[type=file]").set_input_files(file)
    await expect(ana.page.locator(".bottom")).to_be_visible(timeout=15_000)


async def choose_references(ana: Person) -> None:
    """Say which account and which source, by a list where the API tells them, else by their ids."""
    for label, wanted in (("Account", ana.tenant.account_id), ("Source", ana.tenant.source_id)):
        field = ana.page.get_by_label(label, exact=True)
        if await field.evaluate("field => field.tagName") == "SELECT":
            await field.select_option(str(wanted))
        else:
            await field.fill(str(wanted))


async def import_file(ana: Person, file: Path) -> None:
    await check_file(ana, file)
    await choose_references(ana)
    button = ana.page.locator(".bottom button")
    await expect(button).to_be_enabled(timeout=15_000)
    await button.click()
