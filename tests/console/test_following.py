"""An import in the browser while it goes on: every number that is shown is one that the database held."""

import re

from playwright.async_api import Page, expect
from sqlalchemy import text

from libs.contracts.lead_import.internal.topics import CHUNK_CREATED
from tests.support.browser import Person
from tests.support.processes import held, needs_local_stack
from tests.support.readers import Stored, body_of, subscribed
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones
from tests.support.waiting import eventually

ROWS = 4_000
CREATED = "SELECT coalesce(sum(total_created), 0) FROM amigocare.lead_import_chunks WHERE import_id = :i"
CHUNKS = "SELECT count(*) FROM amigocare.lead_import_chunks WHERE import_id = :i"
LOCK = "SELECT FROM amigocare.lead_import_chunks WHERE import_id = :i AND chunk_index = :chunk FOR UPDATE"
NOTE = """() => {
    window.noted = [];
    const note = () => {
        const done = document.querySelector(".live [role=progressbar]")?.getAttribute("aria-valuetext") ?? null;
        const last = window.noted.at(-1);
        if (document.title !== last?.[0] || done !== last?.[1]) window.noted.push([document.title, done]);
    };
    const what = { subtree: true, childList: true, characterData: true, attributes: true };
    new MutationObserver(note).observe(document, what);
    note();
}"""


async def fates(page: Page) -> list[int]:
    """Return the numbers that the page of a running import shows: created, existed, with errors, left."""
    texts = await page.locator(".fates-numbers strong").all_inner_texts()
    return [int(text.replace(",", "")) for text in texts]


@needs_local_stack
async def test_numbers_and_the_tab_rise_with_the_ledger(
    ana: Person, user: User, stored: Stored, stack: Addresses
) -> None:
    """One of its chunks is locked for a while, so that there is a middle to look at.

    The finalizer takes an import's chunks one after the other, in the order in which creators were done with them: the
    last of these is locked, and holds up no other.

    Another import goes on beside it, as in the life of a company. An import has three chunks on their way to leads
    while it is alone, two beside another: more of them would never come to a finalizer that is held.
    """
    page = ana.page

    async def shown_is_stored() -> bool:
        shown, title = await fates(page), await page.title()
        created = await stored.value(CREATED, i=import_id)
        assert created < ROWS
        return created and shown == [created, 0, 0, ROWS - created] and title == titled(created)

    async def made_chunks() -> list[int] | None:
        """Return the indexes of the chunks in the order in which the finalizer comes to them, once all are there."""
        await made.catch_up()
        indexes: list[int] = [body_of(record)["chunk_index"] for record in made.records[str(import_id)]]
        return indexes if len(set(indexes)) == await stored.value(CHUNKS, i=import_id) else None

    async with subscribed(stack.kafka_bootstrap, CHUNK_CREATED.name) as made, stored.engine.begin() as connection:
        with held("finalizer"):
            await user.accept(csv_file(lead_rows(new_phones(1))), name="Outra")
            import_id = await user.accept(csv_file(lead_rows(new_phones(ROWS))), name="Base")
            *_, last = await eventually(made_chunks, what="the chunks on their way to the finalizer")
            await connection.execute(text(LOCK), {"i": import_id, "chunk": last})
            await ana.open(f"/imports/{import_id}")
            await expect(page).to_have_title("0% · Base · Leadflow")
            assert await fates(page) == [0, 0, 0, ROWS]
            await page.evaluate(NOTE)
        await eventually(shown_is_stored, what="the ledger's numbers in the browser")
    await expect(page.locator(".badge", has_text="Finished")).to_be_visible(timeout=60_000)
    await expect(page).to_have_title("Base · Leadflow")
    assert len(await stored.leads(user.tenant.company_id)) == ROWS + 1
    titles, done = zip(*await page.evaluate("window.noted"), strict=True)
    percents = [int(found[1]) for title in titles if (found := re.match(r"(\d+)% · Base · Leadflow$", title))]
    numbers = [int(said.split(" of ")[0].replace(",", "")) for said in done if said]
    for risen in (percents, numbers):
        assert risen == sorted(risen)
        assert len(set(risen)) > 1


def titled(created: int) -> str:
    return f"{100 * created // ROWS}% · Base · Leadflow"
