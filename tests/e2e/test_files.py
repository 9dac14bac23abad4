"""Files that real programs and sales teams have, with exactly the values that must be stored of them."""

import asyncio
import csv
import io
import json
import unicodedata
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.platform import Tenant, create_tenant
from tests.support.readers import Stored, Topic, body_of
from tests.support.stack import ROOT, Addresses
from tests.support.user import NewUser, User, problem, totals

EXAMPLES = ROOT / "examples"
FILES = ROOT / "tests" / "fixtures" / "files"
KNOWN: dict[str, Any] = json.loads((FILES / "expected.json").read_bytes())
PROMISED: dict[str, Any] = json.loads((EXAMPLES / "expected.json").read_bytes())
TYPES = ["text/csv", "application/vnd.ms-excel", "application/octet-stream", "image/png"]

Values = tuple[str, str, str, str, str | None, str | None, tuple[str, ...]]
Imported = dict[str, tuple[User, dict[str, Any], dict[str, Any]]]


def values_of(lead: dict[str, Any]) -> Values:
    return (
        lead["contact_cellphone_dial_code"],
        lead["contact_cellphone_country_code"],
        lead["contact_cellphone"],
        lead["name"],
        lead["cpf"],
        lead["email"],
        tuple(sorted(lead["tags"])),
    )


def readable(cell: str) -> str:
    """Return an original cell without invisible characters, on one line."""
    return " ".join("".join(mark for mark in cell if unicodedata.category(mark) != "Cf").split())


@pytest_asyncio.fixture(scope="module")
async def imported(http: httpx.AsyncClient, stack: Addresses, stack_engine: AsyncEngine) -> Imported:
    """Every known file, imported twice into a company of its own; a few at a time."""
    turns = asyncio.Semaphore(4)

    async def twice(name: str) -> tuple[User, dict[str, Any], dict[str, Any]]:
        user = User(http, await create_tenant(stack_engine, jwt_secret=stack.jwt_secret))
        file = (FILES / name).read_bytes()
        async with turns:
            first = await user.run(file, file_name=name)
            return user, first, await user.run(file, file_name=name)

    names = list(KNOWN["files"])
    done = await asyncio.gather(*(twice(name) for name in names), return_exceptions=True)
    failed = {name: result for name, result in zip(names, done, strict=True) if isinstance(result, BaseException)}
    assert failed == {}
    return {name: result for name, result in zip(names, done, strict=True) if not isinstance(result, BaseException)}


@pytest.mark.parametrize("name", KNOWN["files"])
async def test_a_file_is_stored_as_its_table_says(imported: Imported, stored: Stored, name: str) -> None:
    user, first, _ = imported[name]
    expected = [KNOWN["leads"][lead] for lead in KNOWN["files"][name].values()]
    assert totals(first) == (len(expected), 0, 0)
    leads = await stored.leads(user.tenant.company_id)
    assert sorted(map(values_of, leads), key=str) == sorted(
        (
            (
                lead["dial_code"],
                lead["country_code"],
                lead["phone"],
                lead["name"],
                lead["cpf"],
                lead["email"],
                tuple(sorted(lead["tags"])),
            )
            for lead in expected
        ),
        key=str,
    )


@pytest.mark.parametrize("name", KNOWN["files"])
async def test_rows_have_the_numbers_that_the_spreadsheet_shows(imported: Imported, name: str) -> None:
    user, _, again = imported[name]
    rows = await user.rows(again["id"])
    assert {str(row["row"]): readable(row["cells"][0]) for row in rows} == {
        row: KNOWN["leads"][lead]["name"] for row, lead in KNOWN["files"][name].items()
    }
    assert {row["reason"] for row in rows} == {"lead_exists"}


@pytest.mark.parametrize(("name", "code"), KNOWN["refused"].items())
async def test_a_file_that_is_no_spreadsheet_is_refused(user: User, stored: Stored, name: str, code: str) -> None:
    problem(await user.upload((FILES / name).read_bytes(), file_name=name), 415, code)
    await stored.nothing_of(user.tenant.company_id)


@pytest.mark.parametrize(
    ("file", "called"),
    [
        ("utf8.csv", "leads.xlsx"),
        ("xlsxwriter.xlsx", "leads.csv"),
        ("apache-poi.xls", "leads.csv"),
        ("libreoffice.xlsx", "leads.xls"),
        ("utf16-le-bom-tab.csv", "leads"),
        ("sheetjs.xlsx", "C:\\Users\\Ana\\leads.final (2).txt"),
        ("utf8-bom-semicolon.csv", f"{'promoção ' * 40}.csv"),
        ("utf8.csv", "фото 🌸.png"),
    ],
)
async def test_files_are_judged_by_their_bytes(user: User, file: str, called: str) -> None:
    for content_type in TYPES[:2] if called.endswith("csv") else TYPES[2:]:
        found = await user.run((FILES / file).read_bytes(), file_name=called, content_type=content_type)
        assert found["total_rows"] == len(KNOWN["files"][file])


async def test_the_demo_imports_what_the_examples_promise(
    http: httpx.AsyncClient, stack: Addresses, stored: Stored, finished: Topic, new_user: NewUser
) -> None:
    """``leads.csv`` for company 1; then ``leads.xlsx`` gives a new company the very same leads."""
    demo = User(http, _demo_tenant(stack))
    expected = PROMISED["leads.csv"]
    found = await demo.ended(await demo.accept((EXAMPLES / "leads.csv").read_bytes()), seconds=60)
    assert totals(found) == (expected["total_created"], expected["total_existing"], expected["total_errors"])
    assert found["total_rows"] == expected["total_rows"] == 5_000
    existing: dict[str, list[int]] = {}
    for row in await demo.rows(found["id"]):
        existing.setdefault(row["reason"], []).append(row["row"])
    assert existing == expected["existing_rows"]
    leads = [lead for lead in await stored.leads(1) if lead["import_id"] == found["id"]]
    assert len(leads) == expected["total_created"]
    assert sum(len(lead["tags"]) for lead in leads) == expected["chat_tags"]
    assert len({tag for lead in leads for tag in lead["tags"]}) == expected["distinct_tags"]
    assert await stored.consistent(1) >= len(leads)
    (record,) = await finished.all_of(found["id"], stored)
    assert totals(body_of(record)) == totals(found)

    other = await new_user()
    workbook = await other.ended(await other.accept((EXAMPLES / "leads.xlsx").read_bytes()), seconds=60)
    assert totals(workbook) == (4_940, 60, 0)  # the demo's patients and chats are not this company's
    by_phone = {values_of(lead)[:3]: lead for lead in await stored.leads(other.tenant.company_id)}
    for lead in leads:
        same = by_phone[values_of(lead)[:3]]
        # The demo company has tags of its own, which keep their spelling.
        assert [str(value).lower() for value in values_of(same)] == [str(value).lower() for value in values_of(lead)]


def _demo_tenant(stack: Addresses) -> Tenant:
    return Tenant(
        company_id=1,
        user_id=1,
        other_user_id=2,
        account_id=1,
        other_account_id=2,
        tag_ids=[1, 2, 3, 4, 5],
        source_id=1,
        deleted_source_id=5,
        jwt_secret=stack.jwt_secret,
    )


async def test_the_windows_1252_example(user: User, stored: Stored) -> None:
    file = (EXAMPLES / "leads-windows-1252.csv").read_bytes()
    expected = PROMISED["leads-windows-1252.csv"]
    found = await user.run(file)
    assert totals(found) == (expected["total_created"], expected["total_existing"], expected["total_errors"])
    _, *rows = csv.reader(io.StringIO(file.decode("cp1252"), newline=""), delimiter=";")
    names = sorted(row[0].strip() for row in rows if any(row))
    leads = await stored.leads(user.tenant.company_id)
    assert sorted(lead["name"] for lead in leads) == names
    tags = {tag.strip().lower() for row in rows for tag in row[4].split(",") if tag.strip()}
    assert {tag.lower() for lead in leads for tag in lead["tags"]} == tags
    again = await user.run(file)
    assert totals(again) == (0, expected["total_rows"], 0)
    assert {row["reason"] for row in await user.rows(again["id"])} == {"lead_exists"}
