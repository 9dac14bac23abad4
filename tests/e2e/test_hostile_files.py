"""Files that would hurt: they are refused or read within seconds, and the next upload is served."""

import io
import time
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.readers import Stored
from tests.support.user import User, csv_file, lead_rows, new_phones, problem, totals, xlsx_file

SHEET = "xl/worksheets/sheet1.xml"


def changed(workbook: bytes, part: str, content: bytes) -> bytes:
    """Return the workbook with another content of one of its parts."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, content if name == part else old.read(name))
    return result.getvalue()


def sheet_of(workbook: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        return archive.read(SHEET)


def with_rows(xml: str) -> bytes:
    """Return a workbook of one good row and then this XML."""
    workbook = xlsx_file(lead_rows(new_phones(1)))
    return changed(workbook, SHEET, sheet_of(workbook).replace(b"</sheetData>", xml.encode() + b"</sheetData>"))


@pytest_asyncio.fixture(autouse=True)
async def served_afterwards(user: User) -> AsyncIterator[None]:
    """After each of these files an ordinary one passes, soon."""
    yield
    before = time.monotonic()
    assert totals(await user.run(csv_file(lead_rows(new_phones(1))))) == (1, 0, 0)
    assert time.monotonic() - before < 10


async def answer_within(user: User, file: bytes, seconds: float = 15, **data: Any) -> httpx.Response:
    before = time.monotonic()
    answer = await user.upload(file, file_name="leads.xlsx", **data)
    assert time.monotonic() - before < seconds
    return answer


async def test_a_zip_bomb(user: User, stored: Stored) -> None:
    """120 KB that unpack to 120 MB."""
    bomb = with_rows('<row r="3"><c r="A3" t="inlineStr"><is><t>' + " " * 120_000_000 + "</t></is></c></row>")
    assert len(bomb) < 200_000
    answer = await answer_within(user, bomb)
    problem(answer, 413, "file_too_large")
    await stored.nothing_of(user.tenant.company_id)


async def test_a_cell_at_the_far_corner(user: User, stored: Stored) -> None:
    answer = await answer_within(
        user, with_rows('<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row>')
    )
    assert answer.status_code in {413, 422}
    problem(answer, answer.status_code, answer.json()["code"])
    await stored.nothing_of(user.tenant.company_id)


async def test_the_last_row_of_a_sheet(user: User) -> None:
    """Blank rows between are no rows: two leads, or a clear refusal."""
    (phone,) = new_phones(1)
    cells = f'<c r="A1048576" t="inlineStr"><is><t>Fim</t></is></c><c r="B1048576"><v>{phone}</v></c>'
    answer = await answer_within(user, with_rows(f'<row r="1048576">{cells}</row>'))
    if answer.status_code == 202:
        assert totals(await user.ended(answer.json()["id"])) == (2, 0, 0)
    else:
        problem(answer, 413, "file_too_large")


async def test_entities_in_a_workbook(user: User, stored: Stored) -> None:
    """A billion laughs in a name."""
    workbook = xlsx_file([["LAUGH", new_phones(1)[0], "", "", ""]])
    xml = sheet_of(workbook).replace(b"LAUGH", b"&a9;")
    lines = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    declared = b'<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">' + lines.encode() + b"]>"
    start = xml.index(b"<worksheet")
    answer = await answer_within(user, changed(workbook, SHEET, xml[:start] + declared + xml[start:]))
    assert answer.status_code in {413, 415, 422}, answer.text
    problem(answer, answer.status_code, answer.json()["code"])
    await stored.nothing_of(user.tenant.company_id)


async def test_a_cell_of_megabytes(user: User, stored: Stored) -> None:
    row = ["A" * 3_000_000, new_phones(1)[0], "", "", ""]
    problem(await answer_within(user, csv_file([row])), 422, "invalid_rows")
    await stored.nothing_of(user.tenant.company_id)


async def test_a_quote_that_never_ends(user: User, stored: Stored) -> None:
    file = csv_file(lead_rows(new_phones(1))) + b'"' + b"A,11987654321,,,\r\n" * 200_000
    answer = await answer_within(user, file)
    assert 400 <= answer.status_code < 500
    problem(answer, answer.status_code, answer.json()["code"])
    await stored.nothing_of(user.tenant.company_id)


async def test_a_million_blank_records(user: User) -> None:
    answer = await answer_within(user, csv_file(lead_rows(new_phones(1))) + b",,,,\r\n" * 1_000_000)
    assert answer.status_code == 202
    assert answer.json()["total_rows"] == 1


@pytest.mark.parametrize(
    "strange", ["A\0B", "A\x01\x1f\x7f\x85B", "A\u2028B", "A\ufffe\uffffB", "\U000e0001A", "_x0000_A_xD800_"], ids=ascii
)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_characters_that_stores_refuse(user: User, stored: Stored, strange: str, kind: str) -> None:
    """In a name and in a tag: the row becomes a lead without them, or an error; the import ends."""
    (phone,) = new_phones(1)
    rows = [[strange, phone, "", "", strange.replace(",", "")]]
    if kind == "csv":
        file = csv_file(rows)
    else:
        marker = xlsx_file([["STRANGE", phone, "", "", "STRANGE"]])
        escaped = "".join(c if c >= " " and c not in "\ufffe\uffff" else f"_x{ord(c):04X}_" for c in strange)
        file = changed(marker, SHEET, sheet_of(marker).replace(b"STRANGE", escaped.encode()))
    found = await user.run(file, on_invalid_row="skip")
    assert found["status"] == "FINISHED"
    assert totals(found) in {(1, 0, 0), (0, 0, 1)}
    assert len(await stored.leads(user.tenant.company_id)) == found["total_created"]


@pytest.mark.parametrize(
    "text", ["Robert'); DROP TABLE leads;--", "%s :name {x} $1 \\", "<script>alert(1)</script>", "'"]
)
async def test_text_that_is_code_elsewhere(user: User, stored: Stored, text: str) -> None:
    (phone,) = new_phones(1)
    found = await user.run(csv_file([[text, phone, "", "", text]]), name=text)
    assert (found["name"], totals(found)) == (text, (1, 0, 0))
    (lead,) = await stored.leads(user.tenant.company_id)
    assert (lead["name"], lead["tags"]) == (text, [text])
