"""A preview over HTTP says what the import of the same file then comes to."""

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.platform import create_tenant
from tests.support.stack import ROOT, Addresses
from tests.support.user import NewUser, User, csv_file, new_phones, problem, totals

FILES = ROOT / "tests" / "fixtures" / "files"
EXAMPLES = ROOT / "examples"


def corpus() -> list[tuple[str, bytes]]:
    """Return every file that people might import, good or not."""
    found = [path for folder in (FILES, FILES / "reported", EXAMPLES) for path in folder.iterdir()]
    endings = {".csv", ".xlsx", ".xls", ".xlsb"}
    return [(path.name, path.read_bytes()) for path in sorted(found) if path.suffix in endings]


async def test_the_forecast_of_every_file_is_what_it_comes_to(
    http: httpx.AsyncClient, stack: Addresses, stack_engine: AsyncEngine
) -> None:
    turns = asyncio.Semaphore(2)

    async def both(name: str, content: bytes) -> tuple[str, Any, Any]:
        user = User(http, await create_tenant(stack_engine, jwt_secret=stack.jwt_secret))
        async with turns:
            said = await user.preview(content, file_name=name, on_invalid_row="skip")
            answer = await user.upload(content, file_name=name, on_invalid_row="skip")
            if answer.status_code != 202:
                refused = answer.status_code, answer.json()["code"]
                return name, (said.status_code, said.json().get("code")), refused
            ended = await user.ended(answer.json()["id"], seconds=60)
        forecast = said.json()["forecast"]
        return name, tuple(forecast.values()), totals(ended)

    files = corpus()
    assert len(files) > 40
    done = await asyncio.gather(*(both(*file) for file in files))
    assert [(name, said) for name, said, _ in done] == [(name, came) for name, _, came in done]
    assert sum(isinstance(came[0], int) and len(came) == 3 for _, _, came in done) > 25


WIDE = "Cidade;WhatsApp;Nome completo;Observações\r\nSantos;{};Ana Lima;ligar\r\n;12;Rui;\r\n"


async def test_a_file_with_its_own_columns_is_imported_as_its_preview_says(user: User) -> None:
    (phone,) = new_phones(1)
    content = WIDE.format(phone).encode("cp1252")
    said = await user.previewed(content, columns="mapped")
    assert [(each["header"], each["field"]) for each in said["columns"]] == [
        ("Cidade", None),
        ("WhatsApp", "phone"),
        ("Nome completo", "name"),
        ("Observações", None),
    ]
    assert said["left_out"] == ["Cidade", "Observações"]
    assert said["forecast"] == {"created": 1, "existing": 0, "errors": 1}
    corrections = {"3": {"phone": new_phones(1)[0]}}
    answer = await user.upload(content, columns="mapped", corrections=corrections)
    assert answer.status_code == 202, answer.text
    assert answer.json()["left_out"] == ["Cidade", "Observações"]
    assert totals(await user.ended(answer.json()["id"])) == (2, 0, 0)


async def test_a_missing_column_is_refused_by_the_import_and_named_by_the_preview(user: User) -> None:
    content = b"Nome;Cidade\r\nAna;Santos\r\n"
    said = await user.previewed(content, columns="mapped")
    assert (said["missing"], said["forecast"], said["rows"]) == (["phone"], None, [])
    assert problem(await user.upload(content, columns="mapped"), 422, "columns_missing")["missing"] == ["phone"]


async def test_corrections_are_kept_with_the_import(user: User, stack_engine: AsyncEngine) -> None:
    phone, right = new_phones(2)
    corrections = {"2": {"name": "Ana", "phone": right}}
    import_id = await user.accept(csv_file([["", phone, "", "", ""]]), corrections=corrections)
    async with stack_engine.connect() as connection:
        statement = f"SELECT corrections FROM amigocare.lead_imports WHERE id = {import_id}"
        kept = (await connection.exec_driver_sql(statement)).scalar_one()
    assert (json.loads(kept) if isinstance(kept, str) else kept) == corrections


async def test_a_thousand_rows_may_be_corrected_and_no_more(user: User) -> None:
    rows = [["", phone, "", "", ""] for phone in new_phones(1_001)]
    names = {str(row): {"name": f"Lead número {row}"} for row in range(2, 1_003)}
    refused = problem(await user.preview(csv_file(rows), corrections=names), 422, "data_invalid")
    assert refused["errors"][0]["pointer"] == "/corrections"
    del names["1002"]
    said = await user.previewed(csv_file(rows), corrections=names)
    assert said["forecast"] == {"created": 1_000, "existing": 0, "errors": 1}


@pytest.mark.parametrize("page", [1, 2, 3])
async def test_pages_of_a_preview(user: User, page: int) -> None:
    said = await user.previewed(csv_file([["Ana", phone, "", "", ""] for phone in new_phones(150)]), page=page)
    assert (said["page"], said["pages"], said["total_rows"]) == (page, 2, 150)
    assert [row["row"] for row in said["rows"]] == list(range(2, 152))[(page - 1) * 100 : page * 100]


async def test_a_preview_of_5000_rows_takes_at_most_half_again_as_long_as_their_upload(new_user: NewUser) -> None:
    """The least of several turns counts: what else the machine does makes either slower, and neither faster."""
    previews, uploads = [], []
    for _ in range(8):
        user = await new_user()
        content = csv_file([[f"Lead {phone}", phone, "", "", "VIP"] for phone in new_phones(5_000)])
        began = time.perf_counter()
        await user.previewed(content)
        between = time.perf_counter()
        import_id = await user.accept(content)
        uploads.append(time.perf_counter() - between)
        previews.append(between - began)
        await user.ended(import_id, seconds=60)
        if len(uploads) > 2 and min(previews) <= 1.5 * min(uploads):
            break
    print(f"preview {min(previews):.3f} s, upload {min(uploads):.3f} s")  # noqa: T201 - a figure, shown with -s
    assert min(previews) <= 1.5 * min(uploads)
