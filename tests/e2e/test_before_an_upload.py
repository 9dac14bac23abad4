"""What is asked before an upload: who I am, what is left, the template."""

from typing import Any

import openpyxl
import pytest

from libs.contracts.lead_import.words import words
from tests.support.user import COLUMNS, XLSX_TYPE, User, csv_file, lead_rows, new_phones, problem, totals


async def get(user: User, path: str, **headers: str) -> Any:
    answer = await user.http.get(path, headers=user.tenant.headers() | headers)
    assert answer.status_code == 200, answer.text
    return answer


async def test_a_caller_is_told_who_it_is_and_what_it_may_choose(user: User) -> None:
    tenant = user.tenant
    me = (await get(user, "/me")).json()
    assert (me["user_id"], me["company_id"]) == (tenant.user_id, tenant.company_id)
    assert me["permissions"] == {"LEADS": ["IMPORT_LEADS"]}
    assert {each["id"] for each in me["accounts"]} == {tenant.account_id, tenant.other_account_id}
    assert {each["id"] for each in me["tags"]} == set(tenant.tag_ids)
    sources = {each["id"] for each in me["sources"]}
    assert tenant.source_id in sources
    assert tenant.deleted_source_id not in sources
    assert me["limits"].keys() == {"max_rows", "max_bytes", "quota_rows", "quota_imports"}


async def test_a_token_for_some_accounts_sees_these_and_one_without_the_permission_sees_so(user: User) -> None:
    tenant = user.tenant
    headers = tenant.headers(accounts=[tenant.other_account_id], permissions={})
    answer = await user.http.get("/me", headers=headers)
    assert [each["id"] for each in answer.json()["accounts"]] == [tenant.other_account_id]
    assert answer.json()["permissions"] == {}
    problem(await user.http.get("/me"), 401, "token_missing")


async def test_the_quota_says_what_is_left(user: User) -> None:
    account_id = user.tenant.account_id
    before = (await user.get("/imports/quota", account_id=account_id)).json()
    assert (before["rows"]["used"], before["imports"]["used"], before["resets_at"]) == (0, 0, None)
    await user.accept(csv_file(lead_rows(new_phones(3))))
    after = (await user.get("/imports/quota", account_id=account_id)).json()
    assert (after["account_id"], after["rows"]["used"], after["imports"]["used"]) == (account_id, 3, 1)
    assert after["rows"]["left"] == after["rows"]["limit"] - 3
    assert after["resets_at"] is not None


async def test_the_quota_of_anothers_account_is_no_bodys(user: User) -> None:
    problem(await user.get("/imports/quota", account_id=2_000_000_000), 404, "not_found")
    problem(await user.get("/imports/quota"), 422, "request_invalid")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_the_template_is_imported_as_it_is(user: User, kind: str) -> None:
    answer = await get(user, f"/import/template.{kind}")
    assert answer.headers["content-type"].split(";")[0] == ("text/csv" if kind == "csv" else XLSX_TYPE)
    assert f".{kind}" in answer.headers["content-disposition"]
    found = await user.run(answer.content, file_name=f"template.{kind}")
    assert (found["total_rows"], totals(found)) == (2, (2, 0, 0))


async def test_the_templates_notes_are_in_the_callers_language(user: User, tmp_path: Any) -> None:
    for language in ("en", "pt-BR"):
        answer = await get(user, "/import/template.xlsx", **{"Accept-Language": language})
        path = tmp_path / f"{language}.xlsx"
        path.write_bytes(answer.content)
        leads, notes = openpyxl.load_workbook(path).worksheets
        assert [cell.value for cell in leads[1]] == list(COLUMNS)
        assert notes.title == words(language).template["sheet"]
        assert notes["B2"].value == words(language).template["name"]


async def test_a_browser_of_many_languages_is_answered(user: User) -> None:
    many = ",".join(["pt-BR", *(f"{a}{b}-{a}{b};q=0.1" for a in "abcdefgh" for b in "abcdefgh")])
    assert len(many) > 500
    answer = await get(user, "/import/template.xlsx", **{"Accept-Language": many})
    assert answer.headers["content-type"].split(";")[0] == XLSX_TYPE


async def test_a_refusal_is_in_the_callers_language(user: User) -> None:
    headers = user.tenant.headers() | {"Accept-Language": "pt-BR,en;q=0.5"}
    answer = await user.http.get("/imports/2000000000", headers=headers)
    said = problem(answer, 404, "not_found")
    expected = words("pt-BR").problems["not_found"]
    assert (said["title"], said["remedy"]) == (expected.title, expected.remedy)
    assert answer.headers["content-language"] == "pt-BR"
    assert problem(await user.get("/imports/2000000000"), 404, "not_found")["title"] == "Not found"


async def test_an_import_says_its_reasons_its_rate_and_the_servers_time(user: User) -> None:
    (phone,) = new_phones(1)
    rows = [*lead_rows([phone, phone]), ["", phone, "", "", ""], ["Ana", "x", "", "", ""]]
    found = await user.run(csv_file(rows), on_invalid_row="skip")
    assert found["reasons"] == {"in_file": 1, "name_missing": 1, "phone_invalid": 1}
    assert found["rate"] > 0
    assert (found["eta_seconds"], found["queue_position"], found["parent_id"], found["child_ids"]) == (
        *(None, None, None),
        [],
    )
    assert found["server_time"] >= found["finished_at"]
