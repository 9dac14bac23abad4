"""The files of ``examples/`` are what their generator makes, valid by the libraries, and come to what they promise.

Our own file reader is not used here: these tests judge the files that judge it. So do the last ones with
``tests/fixtures/files``.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from validate_docbr import CPF

from examples import make_examples

REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLES = REPOSITORY / "examples"
FIXTURES = REPOSITORY / "tests/fixtures/files"
Phone = tuple[str, str, str]
Rows = list[tuple[int, list[str]]]


@pytest.fixture(scope="module")
def generated() -> dict[str, bytes]:
    return make_examples.generate()


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return read_json(EXAMPLES / "expected.json")


@pytest.fixture(scope="module")
def leads() -> Rows:
    return list(records(EXAMPLES / "leads.csv"))


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def records(path: Path, *, encoding: str = "utf-8", delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield the row number and the trimmed cells of every record below the header that is not blank."""
    text = io.StringIO(path.read_bytes().decode(encoding), newline="")
    for number, cells in enumerate(csv.reader(text, delimiter=delimiter), start=1):
        trimmed = [cell.strip() for cell in cells]
        if number == 1:
            assert trimmed == ["name", "phone", "cpf", "email", "tags"]
        elif any(trimmed):
            yield number, trimmed


def canonical(typed: str) -> Phone | None:
    """Return dial code, country and national number, with the ninth digit; nothing if it is not a phone."""
    try:
        number = phonenumbers.parse(typed, "BR")
    except phonenumbers.NumberParseException:
        return None
    national = phonenumbers.national_significant_number(number)
    if number.country_code == 55 and len(national) == 10 and national[2] in "6789":
        national = f"{national[:2]}9{national[2:]}"
        number = phonenumbers.parse(f"+55{national}")
    country = phonenumbers.region_code_for_number(number)
    if not phonenumbers.is_valid_number(number) or country is None:
        return None
    return str(number.country_code), country, national


def wrong_with(cells: list[str]) -> list[str]:
    """Return the columns that break a rule (and ``cells`` if there are too many)."""
    name, phone, cpf, email, tags = (*cells, "", "", "")[:5]
    rules = {
        "name": 0 < len(name) <= 255,
        "phone": canonical(phone) is not None,
        "cpf": not cpf or CPF().validate(cpf),
        "email": not email or (len(email) <= 255 and is_email(email)),
        "tags": len(tags) <= 255 and len(tags.split(",")) <= 5,
        "cells": len(cells) <= 5,
    }
    return [rule for rule, holds in rules.items() if not holds]


def is_email(address: str) -> bool:
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def platform_phone(contact: dict[str, Any]) -> Phone:
    return (
        contact["contact_cellphone_dial_code"],
        contact["contact_cellphone_country_code"],
        contact["contact_cellphone"],
    )


def same_phone(lead: Phone, held: Phone) -> bool:
    """Say whether the platform's phone is the lead's, as it is or from the time of eight digits."""
    if lead == held:
        return True
    (dial, country, ours), (held_dial, held_country, theirs) = lead, held
    is_old_mobile = country == "BR" and len(ours) == 11 and len(theirs) == 10 and theirs[2] in "6789"
    return (dial, country) == (held_dial, held_country) and is_old_mobile and ours == f"{theirs[:2]}9{theirs[2:]}"


@pytest.mark.parametrize(
    "path",
    [
        "examples/leads.csv",
        "examples/leads-windows-1252.csv",
        "examples/leads-invalid.csv",
        "examples/expected.json",
        "deploy/local/demo_contacts.json",
    ],
)
def test_the_file_is_what_the_generator_makes(generated: dict[str, bytes], path: str) -> None:
    assert (REPOSITORY / path).read_bytes() == generated[path]


@pytest.mark.parametrize("name", ["leads.xlsx", "mixed.xlsx"])
def test_the_workbook_holds_what_the_generator_makes(generated: dict[str, bytes], name: str) -> None:
    """By content: the bytes may differ with another version of zlib or openpyxl."""
    assert list(worksheet((EXAMPLES / name).read_bytes())) == list(worksheet(generated[f"examples/{name}"]))


def worksheet(content: bytes) -> Iterator[tuple[Any, ...]]:
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    return book.worksheets[0].iter_rows(values_only=True)


def test_leads_csv_has_5_000_valid_rows(leads: Rows) -> None:
    assert len(leads) == 5_000
    assert [(row, wrong_with(cells)) for row, cells in leads if wrong_with(cells)] == []


def test_leads_csv_is_as_mixed_as_real_files(leads: Rows) -> None:
    phones = [canonical(cells[1]) for _, cells in leads]
    assert {phone[1] for phone in phones if phone} >= {"BR", "PT", "US", "AR"}
    digits = ["".join(filter(str.isdecimal, cells[1])) for _, cells in leads]
    without_ninth = [
        phone for phone, typed in zip(phones, digits, strict=True) if phone and not typed.endswith(phone[2])
    ]
    assert len(without_ninth) > 200
    assert len([phone for phone in phones if phone and phone[1] == "BR" and len(phone[2]) == 10]) > 200
    for column in range(2, 5):
        assert 500 < len([cells for _, cells in leads if not cells[column]]) < 4_500
    assert {len(cells[4].split(",")) for _, cells in leads} == {1, 2, 3, 4, 5}


def test_leads_xlsx_holds_the_rows_of_leads_csv(leads: Rows) -> None:
    rows = list(worksheet((EXAMPLES / "leads.xlsx").read_bytes()))
    numbers = 0
    for row, (name, phone, cpf, email, tags) in leads:
        stored = rows[row - 1]
        numbers += isinstance(stored[1], int) + isinstance(stored[2], int)
        assert [(stored[0] or "").strip(), stored[3] or "", stored[4] or ""] == [name, email, tags]
        assert canonical(str(stored[1])) == canonical(phone)
        assert str(stored[2] or "").zfill(len(cpf)) == cpf
    assert numbers > 500
    assert len(rows) == leads[-1][0]


def test_expected_totals_of_leads_csv(leads: Rows, expected: dict[str, Any]) -> None:
    """Slowly, one contact at a time, with nothing of the generator's."""
    contacts = read_json(REPOSITORY / "deploy/local/demo_contacts.json")
    patients = [platform_phone(held) for held in contacts["patients"] if held["company_id"] == 1]
    chats = [platform_phone(held) for held in contacts["chats"] if (held["company_id"], held["account_id"]) == (1, 1)]
    found: dict[str, list[int]] = {"in_file": [], "patient_exists": [], "chat_exists": []}
    created: list[list[str]] = []
    seen: set[Phone] = set()
    for row, cells in leads:
        phone = canonical(cells[1])
        assert phone is not None
        if phone in seen:
            found["in_file"].append(row)
        elif any(same_phone(phone, held) for held in patients):
            found["patient_exists"].append(row)
        elif any(same_phone(phone, held) for held in chats):
            found["chat_exists"].append(row)
        else:
            created.append(cells)
        seen.add(phone)
    tags = [[tag.strip().casefold() for tag in cells[4].split(",") if tag.strip()] for cells in created]
    assert expected["leads.csv"] == {
        "total_rows": 5_000,
        "total_created": len(created),
        "total_existing": 5_000 - len(created),
        "total_errors": 0,
        "existing": {reason: len(rows) for reason, rows in found.items()},
        "existing_rows": found,
        "distinct_tags": len({tag for names in tags for tag in names}),
        "chat_tags": sum(len(set(names)) for names in tags),
    }
    assert expected["leads.xlsx"] == expected["leads.csv"]


def test_demo_contacts_hold_every_case(leads: Rows) -> None:
    contacts = read_json(REPOSITORY / "deploy/local/demo_contacts.json")
    everyone = contacts["patients"] + contacts["chats"]
    phones = {canonical(cells[1]) for _, cells in leads}
    forms = [(platform_phone(held), held["company_id"], held.get("account_id")) for held in everyone]
    assert len({canonical(held[2]) for held, _, _ in forms}) == len(everyone), "nobody twice"
    matching = [(company, account, len(held[2])) for held, company, account in forms if canonical(held[2]) in phones]
    assert {(1, None, 10), (1, None, 11), (1, 1, 10), (1, 1, 11)} <= set(matching)
    elsewhere = [(company, account) for company, account, _ in matching if company == 2 or account == 2]
    assert sorted(elsewhere, key=str) == [(1, 2)] + [(2, 3)] * 4 + [(2, None)] * 4
    assert len(matching) == 80 + len(elsewhere)
    assert len({chat["_id"] for chat in contacts["chats"]}) == len(contacts["chats"])


def test_windows_1252_rows_are_valid_and_nobody_elses(leads: Rows, expected: dict[str, Any]) -> None:
    path = EXAMPLES / "leads-windows-1252.csv"
    rows = list(records(path, encoding="cp1252", delimiter=";"))
    assert [row for row, cells in rows if wrong_with(cells)] == []
    phones = {canonical(cells[1]) for _, cells in rows}
    assert phones.isdisjoint({canonical(cells[1]) for _, cells in leads})
    totals = {"total_rows": 300, "total_created": len(phones), "total_existing": 0, "total_errors": 0}
    assert totals == expected[path.name]
    assert len(rows) == 300
    assert path.read_bytes().count(b"\r\n") == 301
    with pytest.raises(UnicodeDecodeError):
        path.read_bytes().decode()


def test_invalid_rows_are_wrong_in_what_they_say_and_nothing_else(leads: Rows, expected: dict[str, Any]) -> None:
    rows = list(records(EXAMPLES / "leads-invalid.csv"))
    errors = {error["row"]: error["column"] or "cells" for error in expected["leads-invalid.csv"]["errors"]}
    assert {row: wrong_with(cells) for row, cells in rows if wrong_with(cells)} == {
        row: [column] for row, column in errors.items()
    }
    right = [cells for row, cells in rows if row not in errors]
    assert all(cells[0].startswith("Boa linha") for cells in right)
    assert {canonical(cells[1]) for cells in right}.isdisjoint({canonical(cells[1]) for _, cells in leads})
    counts = expected["leads-invalid.csv"]
    assert (counts["total_rows"], counts["total_created"], counts["total_errors"]) == (
        len(rows),
        len(right),
        len(errors),
    )


@pytest.fixture(scope="module")
def fixtures() -> dict[str, Any]:
    return read_json(FIXTURES / "expected.json")


def spreadsheets() -> list[Path]:
    return [path for path in FIXTURES.iterdir() if path.suffix in {".csv", ".xls", ".xlsb", ".xlsx"}]


def test_expected_json_speaks_of_every_fixture(fixtures: dict[str, Any]) -> None:
    files = {path.name: path.stat().st_size for path in spreadsheets()}
    assert files.keys() == fixtures["files"].keys() | fixtures["refused"].keys()
    assert {file: size for file, size in files.items() if size >= 30_000} == {}
    assert {lead for rows in fixtures["files"].values() for lead in rows.values()} == fixtures["leads"].keys()


def test_known_leads_are_stored_as_the_libraries_would(fixtures: dict[str, Any]) -> None:
    for lead in fixtures["leads"].values():
        cells = [lead["name"], f"+{lead['dial_code']}{lead['phone']}", lead["cpf"] or "", lead["email"] or ""]
        assert wrong_with([*cells, ",".join(lead["tags"])]) == [], lead
        assert canonical(cells[1]) == (lead["dial_code"], lead["country_code"], lead["phone"])
        assert lead["cpf"] is None or len(lead["cpf"]) == 11


def test_fixtures_name_no_machine_and_nobody() -> None:
    """Programs write who made a file, and on which machine, into its properties."""
    known = {"", "Leadflow", "Apache POI", "PyExcelerate"}
    for path in FIXTURES.glob("*.xlsx"):
        if path.name != "cut-short.xlsx" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                texts = [archive.read(name).decode() for name in archive.namelist() if name.startswith("docProps")]
            authors = re.findall(r"<(?:dc:creator|cp:lastModifiedBy)>([^<]*)<", "".join(texts))
            assert set(authors) <= known, path.name
    paths = re.compile(rb"/(?:home|root|tmp|work)/|[A-Z]:\\Users")
    assert [path.name for path in spreadsheets() if paths.search(path.read_bytes())] == []
