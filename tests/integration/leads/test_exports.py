"""Leads as a file: by the filter of the list, formulas made text, and who has read them is written down."""

import asyncio
import csv
import io
import tempfile
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from openpyxl import load_workbook

from libs.common.stores.postgres import Postgres
from services.leads.http import export_routes
from tests.integration.leads.conftest import Site
from tests.integration.leads.test_change_store import capture
from tests.support.platform import Tenant
from tests.support.readers import Stored


@pytest_asyncio.fixture
async def admin(site: Site, signed_in: dict[str, str]) -> httpx.AsyncClient:
    return site(headers=signed_in)


def read(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def cells(answer: httpx.Response) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def test_an_export_has_what_the_filter_finds_and_no_formula(
    admin: httpx.AsyncClient, postgres: Postgres, db: Stored, company: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_routes, "AT_ONCE", 3)  # several reads, the last of which is not full
    leads = [await capture(postgres, company, n, company="Acme", message="=1+1\nline two") for n in range(7)]
    await capture(postgres, company, 8, company="Other")
    await admin.post("/api/v1/fields", json={"key": "plan", "label": "Plan", "type": "string"})
    edit = {"name": 'José, Ñ; "x"', "custom_fields": {"plan": "@cmd"}}
    assert (await admin.patch(f"/api/v1/leads/{leads[0]}", json=edit)).status_code == 200
    await db.execute("DELETE FROM crm.access_log WHERE company_id = :c", c=company.company_id)
    answer = await admin.get("/api/v1/leads/export.csv", params={"q": "acme"})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="leads.csv"'
    rows = read(answer)
    assert [row["id"] for row in rows] == [str(lead) for lead in reversed(leads)]
    assert (rows[-1]["name"], rows[-1]["custom.plan"]) == ('José, Ñ; "x"', "'@cmd")
    assert {row["message"] for row in rows} == {"'=1+1\nline two"}
    assert (rows[0]["status"], rows[0]["channel"], rows[0]["assigned_to"]) == ("new", "FORM", "")
    seen = await db.rows("SELECT lead_id FROM crm.access_log WHERE company_id = :c", c=company.company_id)
    assert len(seen) == 7


async def test_a_workbook_has_the_cells_of_the_csv(
    admin: httpx.AsyncClient,
    postgres: Postgres,
    db: Stored,
    company: Tenant,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(export_routes, "AT_ONCE", 3)
    for number in range(7):
        await capture(postgres, company, number, company="Acme", message="=1+1\nline two")
    await capture(postgres, company, 8, company="Other")
    csv_answer = await admin.get("/api/v1/leads/export.csv", params={"q": "acme"})
    await db.execute("DELETE FROM crm.access_log WHERE company_id = :c", c=company.company_id)
    answer = await admin.get("/api/v1/leads/export.xlsx", params={"q": "acme"})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="leads.xlsx"'
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    rows = [[str(cell or "") for cell in row] for row in sheet.iter_rows(values_only=True)]
    # A phone needs no mark in a cell of text.
    assert rows == [[cell[cell.startswith("'+") :] for cell in row] for row in cells(csv_answer)]
    assert len(rows) == 8
    seen = await db.rows("SELECT lead_id FROM crm.access_log WHERE company_id = :c", c=company.company_id)
    assert len(seen) == 7
    assert left_in(tmp_path) == []


async def test_a_workbook_of_too_many_leads_or_one_too_many_at_once_is_refused(
    site: Site, signed_in: dict[str, str], postgres: Postgres, company: Tenant
) -> None:
    for number in range(3):
        await capture(postgres, company, number)
    few = site(headers=signed_in, export_rows=2)
    answer = await few.get("/api/v1/leads/export.xlsx")
    assert (answer.status_code, answer.json()["code"]) == (422, "export_too_large")
    assert (await few.get("/api/v1/leads/export.xlsx", params={"q": "nobody"})).status_code == 200
    enough = site(headers=signed_in, export_rows=3)
    answers = await asyncio.gather(*(enough.get("/api/v1/leads/export.xlsx") for _ in range(6)))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert 0 < len(refused) < 6
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "busy")}
    assert (await enough.get("/api/v1/leads/export.xlsx")).status_code == 200


async def test_the_template_has_the_columns_of_the_specification_and_the_companys_own(
    admin: httpx.AsyncClient,
) -> None:
    for key in ("customField1", "customField2"):
        await admin.post("/api/v1/fields", json={"key": key, "label": key, "type": "string"})
    answer = await admin.get("/api/v1/leads/template.csv")
    assert answer.content.decode("utf-8-sig").strip() == (
        "firstName,lastName,email,phone,companyName,jobTitle,linkedinUrl,notes,customField1,customField2"
    )
