"""From a file to what became of its rows, as a person does it."""

import re
from pathlib import Path

import openpyxl
import pytest
from playwright.async_api import Dialog, expect

from tests.console.steps import check_file, choose_references, choose_references_by_keys, import_file, tab_to
from tests.support.browser import Person
from tests.support.readers import Stored
from tests.support.user import User, csv_file, lead_rows, new_phones


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    """Twelve leads, of which the last two have the same phone."""
    phones = new_phones(11)
    path = tmp_path / "Feira de maio.csv"
    path.write_bytes(csv_file(lead_rows([*phones, phones[-1]])))
    return path


async def test_a_file_is_imported_and_every_row_is_accounted_for(ana: Person, leads: Path) -> None:
    page = ana.page
    await ana.open("/imports/new")
    await import_file(ana, leads)
    await expect(page.get_by_role("heading", name="Feira de maio")).to_be_focused()
    await expect(page.locator(".badge", has_text="Finished")).to_be_visible(timeout=30_000)
    sum_of_fates = " ".join((await page.locator(".sum").inner_text()).split())
    assert sum_of_fates == "11 created + 1 already existed + 0 with errors = 12 rows"
    await expect(page.get_by_role("row", name="13 stands twice in the file")).to_be_visible()
    assert await page.title() == "Feira de maio · Leadflow"
    async with page.expect_download() as started:
        await page.get_by_role("button", name="Download 1 row (XLSX)").click()
    report = leads.with_name("report.xlsx")
    await (await started.value).save_as(report)
    sheet = openpyxl.load_workbook(report).active
    assert sheet is not None
    assert sheet.max_row == 2
    await page.get_by_role("navigation").get_by_role("link", name="Imports").click()
    await expect(page.get_by_role("link", name="Feira de maio")).to_be_visible()


async def test_two_clicks_are_one_import(ana: Person, user: User, leads: Path) -> None:
    await ana.open("/imports/new")
    await check_file(ana, leads)
    await choose_references(ana)
    await ana.page.locator(".bottom button").dblclick()
    await expect(ana.page.locator(".badge", has_text="Finished")).to_be_visible(timeout=30_000)
    assert len((await user.get("/imports")).json()["items"]) == 1


async def test_an_import_that_is_refused_says_so_where_the_person_is(ana: Person, stored: Stored, leads: Path) -> None:
    """The button is always in sight; what is said of the file before makes the page longer than the window."""
    page = ana.page
    await ana.open("/imports/new")
    await check_file(ana, leads)
    await choose_references(ana)
    await stored.execute("DELETE FROM amigocare.messaging_accounts WHERE id = :id", id=ana.tenant.account_id)
    await page.evaluate("scrollTo(0, 0)")
    await page.locator(".bottom button").click()
    refusal = page.locator(".notice-error")
    await expect(refusal).to_be_visible()
    await expect(refusal).to_be_in_viewport(ratio=1)
    above_the_bar = "([notice, bar]) => notice.getBoundingClientRect().bottom <= bar.getBoundingClientRect().top"
    both = [await refusal.element_handle(), await page.locator(".bottom").element_handle()]
    assert await page.evaluate(above_the_bar, both)


async def test_a_name_that_is_taken_is_replaced_by_a_free_one(ana: Person, user: User, leads: Path) -> None:
    await user.run(csv_file(lead_rows(new_phones(1))), name="Feira de maio")
    await ana.open("/imports/new")
    await check_file(ana, leads)
    await choose_references(ana)
    await ana.page.locator(".bottom button").click()
    await expect(ana.page.get_by_label("Name", exact=True)).to_have_value("Feira de maio (2)")
    await expect(ana.page.get_by_role("alert")).to_contain_text("is taken")
    await ana.page.keyboard.press("Control+Enter")
    await expect(ana.page.get_by_role("heading", name="Feira de maio (2)")).to_be_visible()


async def test_too_large_a_file_is_refused_before_it_is_sent(ana: Person, tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    large.write_bytes(b"name,phone,cpf,email,tags\n" + b"," * 25_000_000)
    await ana.open("/imports/new")
    before = len(ana.seen.addresses)
    await ana.page.locator("input[type=file]").set_input_files(large)
    await expect(ana.page.get_by_role("alert")).to_contain_text("The file is too large")
    assert [address for address in ana.seen.addresses[before:] if "/import" in address] == []


async def test_a_file_that_cannot_be_read_is_named_so(ana: Person, fixture_files: Path) -> None:
    await ana.open("/imports/new")
    await ana.page.locator("input[type=file]").set_input_files(fixture_files / "png.xlsx")
    await ana.page.locator(".bottom, [role=alert]").first.wait_for()
    if await ana.page.locator(".bottom").count():
        await choose_references(ana)
        await ana.page.locator(".bottom button").click()
    await expect(ana.page.get_by_role("alert")).to_contain_text("Neither CSV nor Excel")


async def test_a_file_that_is_dropped_anywhere_counts(ana: Person) -> None:
    await ana.open("/imports/new")
    await ana.page.evaluate(
        """(text) => {
            const held = new DataTransfer();
            held.items.add(new File([text], "dropped.csv", { type: "text/csv" }));
            for (const kind of ["dragenter", "dragover", "drop"]) {
                const about = { dataTransfer: held, bubbles: true, cancelable: true };
                document.body.dispatchEvent(new DragEvent(kind, about));
            }
        }""",
        csv_file(lead_rows(new_phones(3))).decode(),
    )
    await expect(ana.page.get_by_role("heading", name="Check dropped.csv")).to_be_visible()


async def test_leaving_a_checked_file_asks_once_and_keeps_it(ana: Person, leads: Path) -> None:
    await ana.open("/imports/new")
    await check_file(ana, leads)
    await ana.page.get_by_role("navigation").get_by_role("link", name="Imports").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Stay").press("Escape")
    await expect(ana.page.get_by_role("heading", name="Check Feira de maio.csv")).to_be_visible()
    await ana.page.get_by_role("navigation").get_by_role("link", name="Imports").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    await expect(ana.page.get_by_role("heading", name="Imports", exact=True)).to_be_visible()
    await ana.page.get_by_role("link", name="New import").first.click()
    await ana.page.get_by_role("link", name="Go on checking").click()
    await expect(ana.page.get_by_role("heading", name="Check Feira de maio.csv")).to_be_visible()


async def test_a_reload_amid_a_check_asks_once_and_loses_the_file_but_not_its_columns(
    ana: Person, user: User, tmp_path: Path
) -> None:
    page = ana.page
    (phone,) = new_phones(1)
    file = tmp_path / "Agenda.csv"
    file.write_bytes(f"Responsável;WhatsApp;Etiquetas\r\nAna Lima;{phone};VIP\r\n".encode())
    fields = {"Responsável": "name", "WhatsApp": "phone", "Etiquetas": ""}
    asked: list[str] = []

    async def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await (dialog.accept() if len(asked) > 1 else dialog.dismiss())

    page.on("dialog", answer)
    await ana.open("/imports/new")
    await page.evaluate("navigator.serviceWorker.ready")
    await check_file(ana, file)
    for header, field in fields.items():
        await page.get_by_label(header, exact=True).select_option(field)
    await choose_references(ana)
    await expect(page.get_by_role("button", name="Import 1 row")).to_be_enabled()
    await page.get_by_role("heading", name="Check Agenda.csv").click()  # browsers ask who has touched the page alone
    # Who stays has everything as it was.
    async with page.expect_event("dialog"):
        await page.evaluate("void setTimeout(() => location.reload())")
    await expect(page.get_by_label("Responsável", exact=True)).to_have_value("name")
    # Who goes is asked that once, and finds nothing half done.
    await page.reload()
    await expect(page.get_by_role("heading", name="New import")).to_be_focused()
    await expect(page.get_by_text("Nothing was imported.")).to_be_visible()
    assert page.url.endswith("/console/imports/new")
    await page.reload()
    await expect(page.get_by_role("heading", name="New import")).to_be_focused()
    assert asked == ["beforeunload"] * 2
    assert (await user.get("/imports")).json()["items"] == []
    await check_file(ana, file)
    for header, field in fields.items():
        await expect(page.get_by_label(header, exact=True)).to_have_value(field)
    await choose_references(ana)
    await expect(page.get_by_role("button", name="Import 1 row")).to_be_enabled()
    await expect(page.get_by_text("Nothing was imported.")).not_to_be_visible()


async def test_an_import_is_deleted_from_the_list_and_its_leads_stay(ana: Person, user: User) -> None:
    done = await user.run(csv_file(lead_rows(new_phones(2))), name="Rascunho")
    await ana.open(f"/imports/{done['id']}")
    await ana.page.get_by_role("button", name="Delete").click()
    dialog = ana.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Its 2 leads stay")
    await dialog.get_by_role("button", name="Delete import").click()
    await expect(ana.page.get_by_text("No imports yet")).to_be_visible()


async def test_an_import_of_which_all_became_leads_opens_at_them(ana: Person, user: User) -> None:
    made = await user.run(csv_file(lead_rows(new_phones(2))), name="Todos")
    await ana.open(f"/imports/{made['id']}")
    await expect(ana.page.get_by_role("button", name="created 2")).to_have_attribute("aria-pressed", "true")
    await expect(ana.page.get_by_role("cell", name="Lead 119")).to_have_count(2)


async def test_earlier_imports_of_the_same_file_are_named_together(ana: Person, user: User, tmp_path: Path) -> None:
    content = csv_file(lead_rows(new_phones(1)))
    for name in ("Um", "Dois", "Três", "Quatro"):
        await user.run(content, name=name)
    path = tmp_path / "De novo.csv"
    path.write_bytes(content)
    await ana.open("/imports/new")
    await check_file(ana, path)
    notice = ana.page.locator(".notice", has_text="This file was imported before")
    await expect(notice).to_have_count(1)
    await expect(notice.get_by_role("link")).to_have_text(
        [re.compile(f"^{name},") for name in ("Quatro", "Três", "Dois")]
    )
    await expect(notice).to_contain_text("and 1 more")


async def test_sources_that_every_company_has_are_named_in_words(ana: Person, leads: Path) -> None:
    await ana.open("/imports/new")
    await check_file(ana, leads)
    names = await ana.page.locator("#source option").all_inner_texts()
    assert {"Website", "Referral", "Social media", "Other"} <= set(names)
    assert not {"website", "referral", "social", "other"} & set(names)


async def test_a_page_that_is_loaded_anew_shows_the_import_as_it_is(ana: Person, user: User) -> None:
    import_id = await user.accept(csv_file(lead_rows(new_phones(300))), name="Base")
    await ana.open(f"/imports/{import_id}")
    await ana.page.evaluate("navigator.serviceWorker.ready")
    await ana.page.reload()
    await expect(ana.page.locator(".badge", has_text="Finished")).to_be_visible(timeout=30_000)
    await expect(ana.page.locator(".sum")).to_contain_text("300")


async def test_all_of_it_goes_with_the_keyboard_alone(ana: Person, leads: Path) -> None:
    page = ana.page
    await ana.open()
    await tab_to(ana, "New import")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="New import")).to_be_focused()
    await choose_file_by_keys(ana, leads)
    await choose_references(ana)
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_role("heading", name="Feira de maio")).to_be_focused(timeout=15_000)


async def choose_file_by_keys(ana: Person, path: Path) -> None:
    # Waited for before the way there: the browser is told without an answer to keep its own dialog back, and would
    # sometimes open it.
    async with ana.page.expect_file_chooser() as chooser:
        await tab_to(ana, "Choose a file")
        await ana.page.keyboard.press("Enter")
    await (await chooser.value).set_files(path)
    await expect(ana.page.get_by_role("heading", name=f"Check {path.name}")).to_be_focused(timeout=15_000)
    await expect(ana.page.locator(".bottom")).to_be_visible(timeout=15_000)


async def test_correcting_sending_again_and_undoing_go_with_the_keyboard_alone(ana: Person, tmp_path: Path) -> None:
    page, keys = ana.page, ana.page.keyboard
    good, right, later = new_phones(3)
    path = tmp_path / "Visitas.csv"
    path.write_bytes(csv_file(lead_rows([good, "1234", "5678"])))
    await ana.open("/imports/new")
    await choose_file_by_keys(ana, path)
    # A cell is corrected where it stands; the other row with an error is left.
    await tab_to(ana, "Row 3, Phone: correct")
    await keys.press("Control+A")
    await keys.type(right)
    await keys.press("Enter")
    await expect(page.get_by_role("button", name="Import 2 valid rows")).to_be_visible(timeout=15_000)
    await page.locator("h1").focus()  # reading goes on at the top
    await choose_references_by_keys(ana)
    await keys.press("Control+Enter")
    await expect(page.locator(".badge", has_text="Finished")).to_be_visible(timeout=30_000)
    await tab_to(ana, "Download 1 row (XLSX)")
    async with page.expect_download() as started:
        await keys.press("Enter")
    report = tmp_path / "Visitas corrigidas.xlsx"
    await (await started.value).save_as(report)
    book = openpyxl.load_workbook(report)
    book.worksheets[0].cell(2, 2).value = later
    book.save(report)
    await tab_to(ana, "Send corrected")
    await keys.press("Enter")
    await expect(page.get_by_role("heading", name="New import")).to_be_focused()
    await choose_file_by_keys(ana, report)
    await choose_references_by_keys(ana)
    await expect(page.get_by_role("button", name="Import 1 row")).to_be_enabled(timeout=15_000)
    await keys.press("Control+Enter")
    await expect(page.locator(".badge", has_text="Finished")).to_be_visible(timeout=30_000)
    await expect(page.get_by_role("link", name="Corrects import")).to_be_visible()
    # Esc takes nothing back, and gives the focus back.
    await tab_to(ana, "Undo")
    await keys.press("Enter")
    await expect(page.get_by_role("dialog")).to_contain_text("1 lead is taken back")
    await keys.press("Escape")
    await expect(page.get_by_role("dialog")).not_to_be_visible()
    await expect(page.get_by_role("button", name="Undo")).to_be_focused()
    await keys.press("Enter")
    await tab_to(ana, "Take 1 lead back")
    await keys.press("Enter")
    await expect(page.get_by_text("1 lead was taken back. None was kept.")).to_be_visible(timeout=30_000)


async def test_a_column_becomes_a_further_field_and_one_of_the_companys_own(
    ana: Person, user: User, stored: Stored, tmp_path: Path
) -> None:
    company = user.tenant.company_id
    await stored.execute(
        "INSERT INTO crm.field_definitions (company_id, key, label, type, created_by)"
        " VALUES (:c, 'budget', 'Budget', 'number', :u)",
        c=company,
        u=user.tenant.user_id,
    )
    path = tmp_path / "Empresas.csv"
    path.write_text(f'Nome,Celular,Firma,Verba\nAna,{new_phones(1)[0]},Sol,"1.500,50"\n')
    page = ana.page
    await ana.open("/imports/new")
    await check_file(ana, path)
    await page.get_by_label("Firma", exact=True).select_option("Company")
    await page.get_by_label("Verba", exact=True).select_option("Budget")
    await expect(page.get_by_role("columnheader", name="Budget")).to_be_visible()
    await choose_references(ana)
    await page.locator(".bottom button").click()
    await expect(page.locator(".badge", has_text="Finished")).to_be_visible(timeout=30_000)
    (lead,) = await stored.leads(company)
    assert (lead["company_name"], lead["custom_fields"]) == ("Sol", {"budget": 1500.5})


async def test_a_heading_above_the_titles_is_said_to_be_in_the_way(ana: Person, tmp_path: Path) -> None:
    file = tmp_path / "feira.csv"
    file.write_text(f"Clientes da feira de maio;;\nNome;Celular;Cidade\nAna;{new_phones(1)[0]};Santos\n")
    await ana.open("/imports/new")
    await check_file(ana, file)
    await expect(ana.page.get_by_role("alert")).to_contain_text("The first row of the file is taken for the titles")


async def test_a_file_without_a_required_column_shows_why_it_shows_no_rows(ana: Person, tmp_path: Path) -> None:
    path = tmp_path / "Sem telefone.csv"
    path.write_text("nome,observação\nAna,viajando\nBia,volta em maio\n")
    await ana.open("/imports/new")
    await check_file(ana, path)
    await expect(ana.page.get_by_text("Choose the column of: Phone")).to_be_visible()
    await expect(ana.page.locator(".none")).to_have_text("The rows are shown once each required field has its column.")


async def test_what_was_corrected_in_one_sheet_is_not_said_of_another_ones_row(
    ana: Person, stored: Stored, user: User, tmp_path: Path
) -> None:
    """Their rows have the same numbers: another person would get the phone, also where the cell stays open."""
    ours, theirs = new_phones(2)
    book = openpyxl.Workbook()
    for title, name, phone in (("Janeiro", "Ana", "1"), ("Fevereiro", "Bia", "2"), ("Março", "Caio", theirs)):
        sheet = book.create_sheet(title)
        sheet.append(["Nome", "Celular"])
        sheet.append([name, phone])
    book.remove(book.worksheets[0])
    path = tmp_path / "Meses.xlsx"
    book.save(path)
    page = ana.page
    await ana.open("/imports/new")
    await check_file(ana, path)
    cell = page.get_by_label("Row 2, Phone: correct")
    await cell.fill(ours)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("1 row corrected")).to_be_visible()
    await page.get_by_role("button", name="Wrong? Change").click()
    await page.get_by_label("Sheet").select_option("Fevereiro")
    await expect(page.get_by_role("cell", name="Bia")).to_be_visible()
    await expect(cell).to_have_value("2")
    await cell.focus()
    await page.locator("h1").focus()
    await expect(page.get_by_text("corrected")).not_to_be_visible()
    await page.get_by_label("Sheet").select_option("Março")
    await expect(page.get_by_role("cell", name="Caio")).to_be_visible()
    await choose_references(ana)
    await page.locator(".bottom button").click()
    await expect(page.locator(".badge", has_text="Finished")).to_be_visible(timeout=30_000)
    assert [lead["contact_cellphone"] for lead in await stored.leads(user.tenant.company_id)] == [theirs]
