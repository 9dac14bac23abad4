"""Every screen and dialog for everybody: axe finds nothing serious, light and dark, phone and desktop, both languages.

Each is looked at in all four ways as it stands, so that nobody goes the same way four times.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Route, expect

from tests.console.steps import check_file, choose_references, refusal
from tests.support.browser import Person, person, sight
from tests.support.platform import EVERYTHING, Tenant
from tests.support.processes import held, needs_local_stack
from tests.support.readers import Stored
from tests.support.stack import ROOT, Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones

WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")


CUT_CHOICES = """
    [...document.querySelectorAll(".columns select")].flatMap((select) => {
        const { font, paddingLeft, paddingRight } = getComputedStyle(select);
        const pen = new OffscreenCanvas(1, 1).getContext("2d");
        pen.font = font;
        const room = select.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
        return [...select.options].map((each) => each.text).filter((text) => pen.measureText(text).width > room);
    })
"""
"""Which of the choices of a column are wider than their list."""


class Looks:
    """What was found wherever somebody looked, by screen, language, width and scheme."""

    def __init__(self, ana: Person, language: str) -> None:
        self.ana, self.language = ana, language
        words = (ROOT / "console/src/words" / folder / f"{language}.json" for folder in ("", "leads"))
        self.words: dict[str, str] = {
            id_: said for each in words for id_, said in json.loads(each.read_bytes()).items()
        }
        self.found: dict[str, list[str]] = {}

    @property
    def page(self) -> Page:
        return self.ana.page

    def button(self, word: str) -> Locator:
        return self.page.get_by_role("button", name=self.words[word], exact=True)

    async def at(self, screen: str) -> None:
        for width in WIDTHS:
            await self.page.set_viewport_size({"width": width, "height": 800})
            for scheme in SCHEMES:
                await self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                await expect(self.page.locator("html.dark")).to_have_count(int(scheme == "dark"))
                look = f"{screen}-{self.language}-{width}-{scheme}"
                # The same page in the dark has other colours, and nothing else.
                self.found[look] = await self.ana.faults(of_colours=scheme == "dark")
                await sight(self.page, look)
            # What is wide scrolls within itself.
            if await self.page.evaluate("document.documentElement.scrollWidth") > width:
                self.found[look].append("something is wider than the window")

    async def at_dialog(self, screen: str, opens: Locator) -> None:
        """Open a dialog and look at it."""
        await opens.click()
        await expect(self.page.get_by_role("dialog")).to_be_visible()
        await self.at(screen)

    async def close(self) -> None:
        await self.page.keyboard.press("Escape")
        await expect(self.page.get_by_role("dialog")).not_to_be_visible()


@pytest_asyncio.fixture(params=["en", "pt-BR"])
async def looks(
    browser: Browser, stack: Addresses, stack_tenant: Tenant, request: pytest.FixtureRequest
) -> AsyncIterator[Looks]:
    async with person(browser, stack, stack_tenant, language=request.param) as ana:
        looks = Looks(ana, request.param)
        yield looks
        assert looks.found
        assert {look: faults for look, faults in looks.found.items() if faults} == {}


@pytest.fixture
def content() -> bytes:
    """Three leads, one of them twice, and a row with an error."""
    phones = new_phones(3)
    return csv_file([*lead_rows([*phones, phones[0]]), ["Sem telefone", "", "", "", ""]])


@pytest.fixture
def file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "leads.csv"
    path.write_bytes(content)
    return path


async def test_the_way_to_an_import_is_for_everybody(looks: Looks, user: User, content: bytes, file: Path) -> None:
    ana, page = looks.ana, looks.page
    await ana.open(signed_in=False)
    await looks.at("sign in")
    await page.goto("about:blank")
    await ana.open()
    await page.locator(".empty").wait_for()
    assert await page.evaluate("document.documentElement.lang") == looks.language
    await looks.at("no imports")
    await page.goto("about:blank")
    await ana.open("/imports/new/check")
    await page.get_by_text(looks.words["new.lost.title"]).wait_for()
    await looks.at("new")
    await user.run(content, name="Planilha", on_invalid_row="skip")
    await check_file(ana, file)
    await choose_references(ana)
    await looks.button("reading.change").click()
    await looks.at("check")
    await looks.at_dialog("leaving", page.get_by_role("link", name=looks.words["app.imports"], exact=True))


@pytest.mark.usefixtures("lead_id")
async def test_what_else_an_import_is_told_and_a_new_lead_are_for_everybody(looks: Looks, tmp_path: Path) -> None:
    ana, page = looks.ana, looks.page
    file = tmp_path / "leads.csv"
    file.write_text(f"Nome;Celular;Cidade;Filhos\nAna;{new_phones(1)[0]};Santos;2\n")
    await ana.open("/imports/new")
    await check_file(ana, file)
    await choose_references(ana)
    await page.get_by_label("Cidade", exact=True).select_option("keep")
    city = page.locator(".column", has=page.get_by_label("Cidade", exact=True))
    await expect(city).to_contain_text(looks.words["columns.type.string"])
    await page.get_by_label(looks.words["options.list"]).select_option("new")
    await page.get_by_label(looks.words["options.silent"]).check()
    await looks.at("check kept")
    # What a column becomes can be read, however wide its card is.
    for width in range(320, 1440, 80):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate(CUT_CHOICES) == [], width
    await page.goto("about:blank")
    await ana.open("/leads/new")
    await looks.at("new lead")
    await page.locator("#edit-name").fill("Janaína")
    await page.locator("#edit-email").fill("janaina@example.com")
    await looks.button("newLead.make").click()
    await page.get_by_role("alert").locator("strong").wait_for()
    await looks.at("new lead exists")


async def test_what_became_of_an_import_is_for_everybody(
    looks: Looks, user: User, stored: Stored, content: bytes
) -> None:
    ana, page = looks.ana, looks.page
    done = await user.run(content, name="Planilha", on_invalid_row="skip")
    await ana.open()
    await page.locator(".imports a").first.wait_for()
    await looks.at("imports")
    await page.locator(".imports a").first.click()
    await page.locator("td.why").first.wait_for()
    await looks.at("result")
    await looks.at_dialog("deleting", looks.button("delete.button"))
    await looks.close()
    touch = "UPDATE amigocare.amigocare_leads SET updated_at = now() WHERE id IN (SELECT min(id) FROM"
    await stored.execute(f"{touch} amigocare.amigocare_leads WHERE import_id = :i)", i=done["id"])
    await looks.at_dialog("undoing", looks.button("undo.button"))
    await page.get_by_role("dialog").get_by_role("button").last.click()
    await page.locator(".badge", has_text=looks.words["status.UNDONE"]).wait_for()
    await page.locator(".notice summary").click()
    await page.locator(".notice li").first.wait_for()
    await looks.at("undone")


@pytest_asyncio.fixture
async def lead_id(user: User) -> str:
    """A lead with a note; its company has another, a field of its own, and a list."""
    signed_in = user.tenant.headers(permissions=EVERYTHING)
    lead = {"name": "Janaína Prado", "email": "janaina@example.com", "phone": "+5511987654321", "company": "Boa Vista"}
    ids = []
    for path, body in (
        ("/leads", lead),
        ("/leads", lead | {"name": "Caio Dias", "allow_duplicate": True}),
        ("/fields", {"key": "filhos", "label": "Filhos", "type": "number"}),
        ("/lists", {"name": "Feira de maio"}),
    ):
        made = await user.http.post(f"/api/v1{path}", json=body, headers=signed_in)
        assert made.status_code == 201, made.text
        ids.append(made.json().get("id"))
    note = {"activity_type": "note_added", "description": "Ligou de volta.\nTem orçamento."}
    written = await user.http.post(f"/api/v1/leads/{ids[0]}/activities", json=note, headers=signed_in)
    assert written.status_code == 201, written.text
    return str(ids[0])


async def test_no_leads_yet_is_for_everybody(looks: Looks) -> None:
    await looks.ana.open("/leads")
    await looks.page.locator(".empty").wait_for()
    await looks.at("no leads")


@pytest.mark.usefixtures("lead_id")
async def test_leads_the_board_lists_and_fields_are_for_everybody(looks: Looks) -> None:
    page = looks.page
    await looks.ana.open("/leads")
    await expect(page.locator(".leads a.name")).to_have_count(2)
    await looks.at("leads")
    await looks.button("leads.columns").click()
    await page.get_by_role("menu").wait_for()
    await looks.at("leads columns")
    await page.keyboard.press("Escape")
    await looks.at_dialog("leads into a list", looks.button("leads.intoList"))
    await looks.close()
    tabs = page.locator(".tabs")
    await tabs.get_by_role("link", name=looks.words["leads.tab.board"]).click()
    await expect(page.locator(".lead-card")).to_have_count(2)
    await looks.at("board")
    await tabs.get_by_role("link", name=looks.words["leads.tab.lists"]).click()
    await page.get_by_role("link", name="Feira de maio").wait_for()
    await looks.at("lists")
    await tabs.get_by_role("link", name=looks.words["leads.tab.fields"]).click()
    await page.get_by_role("row", name="Filhos").wait_for()
    await looks.at("own fields")
    await tabs.get_by_role("link", name=looks.words["leads.tab.forms"]).click()
    await page.locator(".empty").wait_for()
    await looks.at("no forms")
    await page.locator("#form-name").fill("Contato")
    await page.locator("#form-origins").fill("https://www.example.com https://campanha.example.com")
    await looks.button("forms.make").click()
    await page.get_by_role("row", name="Contato").wait_for()
    await looks.at("forms")
    for screen, word in (("put into a page", "forms.snippetOne"), ("changed", "things.changeOne")):
        button = page.get_by_role("button", name=looks.words[word].replace("{name}", "Contato"), exact=True)
        await looks.at_dialog(f"form {screen}", button)
        await looks.close()


async def test_one_lead_and_what_is_done_with_it_is_for_everybody(looks: Looks, user: User, lead_id: str) -> None:
    page = looks.page
    await looks.ana.open(f"/leads/{lead_id}")
    await expect(page.locator(".history li")).to_have_count(2)
    await looks.at("lead")
    for screen, word in (
        ("moved", "lead.status.qualified"),
        ("assigned", "lead.assign.other"),
        ("deleted", "lead.delete"),
    ):
        await looks.at_dialog(f"lead {screen}", looks.button(word))
        await looks.close()
    await looks.button("lead.convert").click()
    await page.get_by_label(looks.words["lead.convert.stage"]).wait_for()
    await looks.at("lead converted")
    await looks.close()
    await page.get_by_role("link", name=looks.words["lead.edit"]).click()
    await page.get_by_label(looks.words["lead.company"]).fill("Gama")
    signed_in = user.tenant.headers(permissions=EVERYTHING)
    await user.http.patch(f"/api/v1/leads/{lead_id}", json={"company": "Beta"}, headers=signed_in)
    await looks.button("lead.edit.save").click()
    await page.get_by_role("alert").wait_for()
    await looks.at("lead overtaken")
    await looks.at_dialog("lead left", page.get_by_role("link", name=looks.words["app.leads"], exact=True))


@needs_local_stack
async def test_an_import_in_progress_and_what_goes_wrong_is_for_everybody(looks: Looks, user: User) -> None:
    ana, page = looks.ana, looks.page
    await ana.open("/imports/999999999")
    await page.get_by_role("alert").locator("summary").click()
    await looks.at("trouble")
    with held("tagger"):
        running = await user.accept(csv_file(lead_rows(new_phones(2))), name="Em andamento")
        await page.goto("about:blank")
        await ana.open(f"/imports/{running}")
        await page.locator(".live").wait_for()
        await looks.at("live")
        await looks.at_dialog("canceling", looks.button("cancel.button"))
        await looks.close()
        await ana.context.set_offline(True)
        await expect(page.locator(".live.stale")).to_be_visible()
        await looks.at("offline")
        await ana.context.set_offline(False)

    async def refuse(route: Route) -> None:
        await route.fulfill(**refusal(401, "token_invalid"))

    await page.route(re.compile(r"/imports\?"), refuse)
    await page.get_by_role("link", name=looks.words["app.imports"], exact=True).click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await looks.at("session ended")


LEAD = f"/leads/{UUID(int=1)}"
ON_THEIR_WAY = ("/", "/imports/1", "/leads", "/leads/board", "/leads/lists", "/leads/fields", "/leads/forms", LEAD)


async def test_a_page_whose_numbers_are_on_their_way_is_for_everybody(ana: Person) -> None:
    """A slow network shows for seconds what a fast one never shows long enough to be looked at."""
    here = asyncio.Event()

    async def held_up(route: Route) -> None:
        await here.wait()
        await route.abort()

    await ana.open("/imports/new")  # signed in, with what all pages share
    await ana.page.route(re.compile(r":\d+/(imports|api/v1)\b"), held_up)
    found = {}
    for path in ON_THEIR_WAY:
        await ana.page.evaluate("path => window.history.pushState(null, '', '/console' + path)", path)
        await ana.page.locator(".skeleton").first.wait_for()
        found[path] = await ana.faults()
    here.set()
    assert {path: faults for path, faults in found.items() if faults} == {}
