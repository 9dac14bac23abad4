"""Every screen for everybody: axe finds nothing serious, light and dark, phone and desktop, in both languages."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.console.steps import check_file
from tests.support.browser import person
from tests.support.platform import Tenant
from tests.support.processes import held, needs_local_stack
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones

DELETE = {"en": "Delete", "pt-BR": "Excluir"}


@needs_local_stack
@pytest.mark.parametrize("language", ["en", "pt-BR"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_every_screen_is_for_everybody(
    browser: Browser,
    stack: Addresses,
    stack_tenant: Tenant,
    user: User,
    tmp_path: Path,
    language: str,
    width: int,
    dark: bool,
) -> None:
    phones = new_phones(2)
    file = tmp_path / "leads.csv"
    file.write_bytes(csv_file([*lead_rows([*phones, phones[0]]), ["Sem telefone", "", "", "", ""]]))
    found: dict[str, list[str]] = {}
    async with person(browser, stack, stack_tenant, language=language, width=width, dark=dark) as ana:
        page = ana.page
        await ana.open(signed_in=False)
        found["sign in"] = await ana.faults()
        await page.goto("about:blank")
        await ana.open()
        await page.locator(".empty").wait_for()
        assert await page.evaluate("document.documentElement.lang") == language
        found["no imports"] = await ana.faults()
        await user.run(file.read_bytes(), name="Planilha", on_invalid_row="skip")
        await ana.open("/imports/new")
        found["new"] = await ana.faults()
        await check_file(ana, file)
        found["check"] = await ana.faults()
        await ana.open("/", signed_in=False)
        await page.locator(".imports a").first.wait_for()
        found["imports"] = await ana.faults()
        await page.locator(".imports a").first.click()
        await page.locator("td.why").first.wait_for()
        found["import"] = await ana.faults()
        await page.get_by_role("button", name=DELETE[language]).click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        found["dialog"] = await ana.faults()
        await page.keyboard.press("Escape")
        with held("tagger"):
            running = await user.accept(csv_file(lead_rows(new_phones(2))), name="Em andamento")
            await ana.open(f"/imports/{running}", signed_in=False)
            await page.locator(".live").wait_for()
            found["live"] = await ana.faults()
        await ana.context.set_offline(True)
        await expect(page.locator(".connection")).to_be_visible()
        found["offline"] = await ana.faults()
        # Nothing is wider than the window: what is wide scrolls within itself.
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert str(running) in page.url
    assert {screen: faults for screen, faults in found.items() if faults} == {}
