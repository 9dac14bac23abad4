"""What a person sees when something is not as it should be: in words, with what to do, and nothing is lost."""

import re
from pathlib import Path

from playwright.async_api import Route, expect

from tests.console.steps import check_file, choose_references, import_file, refusal
from tests.support.browser import Person
from tests.support.processes import held, needs_local_stack
from tests.support.user import User, csv_file, lead_rows, new_phones

LIST = re.compile(r"/imports\?")


async def test_an_import_that_is_not_there(ana: Person) -> None:
    await ana.open("/imports/999999999")
    await expect(ana.page.get_by_role("alert")).to_contain_text("This import does not exist")
    await ana.page.get_by_text("Details").click()
    await expect(ana.page.get_by_role("alert")).to_contain_text("not_found")
    await ana.page.get_by_role("link", name="Go to the imports").click()
    await expect(ana.page.get_by_role("heading", name="Imports", exact=True)).to_be_visible()


async def test_an_address_that_is_none(ana: Person) -> None:
    await ana.open("/elsewhere")
    await expect(ana.page.get_by_role("heading", name="There is no such page")).to_be_visible()


async def test_who_lacks_the_permission_is_told_whom_to_ask(ana: Person) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(**refusal(403, "permission_missing"))

    await ana.page.route(LIST, refuse)
    await ana.open()
    await expect(ana.page.get_by_role("alert")).to_contain_text("Ask an administrator")


async def test_a_busy_server_is_asked_again_after_the_time_that_it_says(ana: Person) -> None:
    asked = 0

    async def busy_at_first(route: Route) -> None:
        nonlocal asked
        asked += 1
        # The console itself asks three times before it says so.
        await (route.fulfill(**refusal(503, "busy")) if asked <= 3 else route.continue_())

    await ana.page.route(LIST, busy_at_first)
    await ana.open()
    alert = ana.page.get_by_role("alert")
    await expect(alert).to_contain_text("busy for a moment", timeout=15_000)
    await expect(alert.get_by_role("button")).to_have_text(re.compile(r"Try again in \d s"))
    await expect(alert.get_by_role("button")).to_have_text("Try again", timeout=5_000)
    await alert.get_by_role("button").click()
    await expect(ana.page.get_by_text("No imports yet")).to_be_visible()


async def test_who_has_used_up_the_quota_is_told_when_more_may_be_imported(ana: Person, tmp_path: Path) -> None:
    """The API says it in seconds, for programs."""
    file = tmp_path / "Feira.csv"
    file.write_bytes(csv_file(lead_rows(new_phones(1))))
    said = {"detail": "5 imports an hour are allowed.", "remedy": "Wait for the seconds that `Retry-After` says."}

    async def refuse(route: Route) -> None:
        await route.fulfill(**refusal(429, "quota_exceeded", retry_after=1_800, **said))

    await ana.page.route("**/import", refuse)
    await ana.open("/imports/new")
    await import_file(ana, file)
    alert = ana.page.get_by_role("alert")
    await expect(alert).to_contain_text(re.compile(r"5 imports an hour are allowed. You may import again at \d+:\d\d"))
    await expect(alert).not_to_contain_text("Retry-After")
    await expect(alert.get_by_role("button")).to_have_text("Try again in 30 minutes")


async def test_without_a_connection_the_page_says_so_and_goes_on_with_it(ana: Person, user: User) -> None:
    await user.run(csv_file(lead_rows(new_phones(1))), name="Antes")
    await ana.open()
    await expect(ana.page.get_by_role("link", name="Antes")).to_be_visible()
    await ana.context.set_offline(True)
    await expect(ana.page.get_by_text("No connection. Imports go on at the server.")).to_be_visible()
    await expect(ana.page.get_by_role("link", name="Antes")).to_be_visible()
    await ana.context.set_offline(False)
    await expect(ana.page.get_by_text("No connection. Imports go on at the server.")).not_to_be_visible()


async def test_a_session_that_ends_is_renewed_on_the_same_page(ana: Person, user: User) -> None:
    await user.run(csv_file(lead_rows(new_phones(1))), name="Antes")
    await ana.open()
    await expect(ana.page.get_by_role("link", name="Antes")).to_be_visible()
    (old,) = ana.seen.sent_tokens

    async def refuse_the_old(route: Route) -> None:
        given = route.request.headers.get("authorization", "")
        await (route.fulfill(**refusal(401, "token_invalid")) if old in given else route.continue_())

    await ana.page.route(re.compile(r"/imports"), refuse_the_old)
    await ana.page.get_by_role("button", name="Failed").click()
    dialog = ana.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Your session has ended")
    await ana.page.keyboard.press("Escape")
    await expect(dialog).to_be_visible()
    await dialog.get_by_label("Link").fill(f"http://127.0.0.1/console/#code={ana.code()}")
    await ana.page.keyboard.press("Enter")
    await expect(dialog).not_to_be_visible()
    await expect(ana.page.get_by_text("No import matches")).to_be_visible()
    assert len(ana.seen.sent_tokens) == 2


async def test_a_stream_that_breaks_is_connected_again(ana: Person, user: User) -> None:
    done = await user.run(csv_file(lead_rows(new_phones(2))), name="Corrente")
    asked = 0

    async def broken_at_first(route: Route) -> None:
        nonlocal asked
        asked += 1
        await (route.abort() if asked <= 2 else route.continue_())

    async def still_running(route: Route) -> None:
        if asked > 2:
            await route.continue_()
            return
        answer = await route.fetch()
        found = await answer.json() | {"status": "PROCESSING", "finished_at": None}
        await route.fulfill(response=answer, json=found)

    await ana.page.route(re.compile(r"/imports/\d+/events"), broken_at_first)
    await ana.page.route(re.compile(rf":\d+/imports/{done['id']}$"), still_running)
    await ana.open(f"/imports/{done['id']}")
    await expect(ana.page.locator(".badge", has_text="Finished")).to_be_visible(timeout=30_000)
    assert asked == 3


@needs_local_stack
async def test_an_end_of_which_only_the_progress_was_heard_is_told_with_its_reason(ana: Person, user: User) -> None:
    """The last progress says that the import has ended, the event behind it why: they may come in two pieces."""
    with held("tagger"):
        import_id = await user.accept(csv_file(lead_rows(new_phones(2))), name="Engano")
        await user.post(f"/imports/{import_id}/cancel")
        await user.ended(import_id)
    first = True

    async def the_progress_alone(route: Route) -> None:
        answer = await route.fetch()
        progress, end, _ = (await answer.text()).split("\n\n")
        assert "event: lead:import-finished" in end
        await route.fulfill(response=answer, body=progress + "\n\n")

    async def still_running_at_first(route: Route) -> None:
        nonlocal first
        answer = await route.fetch()
        found = await answer.json()
        if first:
            found |= {"status": "PROCESSING", "failure_reason": None}
        first = False
        await route.fulfill(response=answer, json=found)

    await ana.page.route(re.compile(r"/imports/\d+/events"), the_progress_alone)
    await ana.page.route(re.compile(rf":\d+/imports/{import_id}$"), still_running_at_first)
    await ana.open(f"/imports/{import_id}")
    await expect(ana.page.locator(".badge", has_text="Canceled")).to_be_visible(timeout=30_000)


async def test_a_token_that_ends_while_a_file_is_checked_loses_nothing(ana: Person, user: User, tmp_path: Path) -> None:
    file = tmp_path / "Feira.csv"
    file.write_bytes(csv_file([*lead_rows(new_phones(3)), ["Sem telefone", "", "", "", ""]]))
    (phone,) = new_phones(1)
    keys = []
    await ana.open("/imports/new")
    await check_file(ana, file)
    await choose_references(ana)
    await ana.page.get_by_label("Row 5, Phone").fill(phone)
    await ana.page.get_by_label("Row 5, Phone").press("Enter")
    button = ana.page.get_by_role("button", name="Import 4 rows")
    await expect(button).to_be_enabled()
    (old,) = ana.seen.sent_tokens

    async def refuse_the_old(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        given = route.request.headers["authorization"]
        await (route.fulfill(**refusal(401, "token_invalid")) if old in given else route.continue_())

    await ana.page.route(re.compile(r"/import$"), refuse_the_old)
    await button.click()
    dialog = ana.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Your session has ended")
    await dialog.get_by_label("Link").fill(f"http://127.0.0.1/console/#code={ana.code()}")
    await ana.page.keyboard.press("Enter")
    await expect(ana.page.get_by_role("heading", name="Feira")).to_be_focused()
    await expect(ana.page.locator(".badge", has_text="Finished")).to_be_visible(timeout=30_000)
    (found,) = (await user.get("/imports")).json()["items"]
    assert found["total_created"] == 4
    assert len(keys) == 2
    assert len(set(keys)) == 1, "the second is the same import"


@needs_local_stack
async def test_ten_seconds_without_a_connection_amid_an_import(ana: Person, user: User) -> None:
    """It goes on, and ends, at the server meanwhile."""
    page, away = ana.page, ana.page.get_by_text("No connection. Imports go on at the server.")
    with held("tagger"):
        import_id = await user.accept(csv_file(lead_rows(new_phones(3))), name="Corrente")
        await ana.open(f"/imports/{import_id}")
        await expect(page.get_by_role("progressbar", name="Progress of the import")).to_be_visible()
        assert await page.title() == "0% · Corrente · Leadflow"
        await ana.context.set_offline(True)
        await expect(away).to_be_visible()
        await expect(page.get_by_text("These numbers are of")).to_be_visible()
    await page.wait_for_timeout(10_000)  # so long it is away: that is what is asked
    assert (await user.read(import_id))["status"] == "FINISHED"
    await ana.context.set_offline(False)
    await expect(page.locator(".badge", has_text="Finished")).to_be_visible(timeout=30_000)
    await expect(away).not_to_be_visible()
    await expect(page.get_by_role("alert")).not_to_be_visible()
    await expect(page.get_by_role("link", name="See these 3 leads")).to_be_visible()
    await expect(page.get_by_role("button", name="3 created", pressed=True)).to_be_visible()


@needs_local_stack
async def test_two_windows_show_the_same_import(ana: Person, user: User) -> None:
    other = await ana.context.new_page()
    with held("tagger"):
        import_id = await user.accept(csv_file(lead_rows(new_phones(3))), name="Dupla")
        await ana.open(f"/imports/{import_id}")
        await ana.page.evaluate("navigator.serviceWorker.ready")
        await other.goto(f"{ana.stack.api_url}/console/")
        await expect(other.get_by_role("row", name="Dupla").get_by_text("Importing")).to_be_visible()
    for window in (ana.page, other):
        await expect(window.locator(".badge", has_text="Finished")).to_be_visible(timeout=30_000)
