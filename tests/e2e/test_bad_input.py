"""Every upload that must be refused: a problem with a stable code, and nothing stored."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from tests.support.platform import Tenant
from tests.support.readers import Stored, Topic, body_of
from tests.support.user import COLUMNS, NewUser, User, csv_file, lead_rows, new_phones, problem, totals

GOOD = csv_file([["Ana", "(11) 98765-4321", "", "", ""]])
TOO_BIG = 2**31

Parts = list[tuple[str, Any]]


def file_part(content: bytes = GOOD, name: str = "leads.csv") -> tuple[str, Any]:
    return ("file", (name, content, "text/csv"))


def data_part(value: object) -> tuple[str, Any]:
    return ("data", (None, value if isinstance(value, str) else json.dumps(value)))


async def post(user: User, parts: Parts) -> httpx.Response:
    return await user.http.post("/import", files=parts, headers=user.tenant.headers())


async def refused(user: User, stored: Stored, accepted: Topic, parts: Parts, status: int, code: str) -> dict[str, Any]:
    """Check that the upload is refused so, stored nothing and announced nothing; return the problem."""
    body = problem(await post(user, parts), status, code)
    await stored.nothing_of(user.tenant.company_id)
    await accepted.catch_up()
    announced = {body_of(record)["company_id"] for records in accepted.records.values() for record in records}
    assert user.tenant.company_id not in announced
    return body


PARTS: dict[str, tuple[Callable[[Tenant], Parts], int, str]] = {
    "no file": (lambda tenant: [data_part(tenant.data())], 422, "file_missing"),
    "two files": (lambda tenant: [file_part(), file_part(), data_part(tenant.data())], 422, "file_repeated"),
    "no data": (lambda _: [file_part()], 422, "data_missing"),
    "two data": (
        lambda tenant: [file_part(), data_part(tenant.data()), data_part(tenant.data())],
        422,
        "data_repeated",
    ),
    "unknown part": (
        lambda tenant: [file_part(), data_part(tenant.data()), ("tag", (None, "VIP"))],
        422,
        "part_unknown",
    ),
    "broken JSON": (lambda _: [file_part(), data_part('{"name": "A",')], 400, "data_not_json"),
    "data that is no text": (lambda _: [file_part(), ("data", (None, b"\xff\xfe\x00"))], 400, "data_not_json"),
    "NaN": (lambda _: [file_part(), data_part('{"name": "A", "account_id": NaN}')], 400, "data_not_json"),
    "nested JSON": (lambda _: [file_part(), data_part("[" * 20_000 + "]" * 20_000)], 400, "data_not_json"),
    "huge data": (lambda tenant: [file_part(), data_part(tenant.data(name="A" * 300_000))], 413, "data_too_large"),
}


@pytest.mark.parametrize("case", PARTS)
async def test_wrong_parts(user: User, stored: Stored, accepted: Topic, case: str) -> None:
    parts, status, code = PARTS[case]
    await refused(user, stored, accepted, parts(user.tenant), status, code)


@pytest.mark.parametrize(
    ("content_type", "content", "code"),
    [
        ("application/json", b'{"name": "A"}', "not_multipart"),
        ("application/x-www-form-urlencoded", b"data=%7B%7D", "not_multipart"),
        ("text/csv", GOOD, "not_multipart"),
        ("multipart/form-data", GOOD, "multipart_invalid"),
        ("multipart/form-data; boundary=abc", b"nothing of the kind", "multipart_invalid"),
    ],
)
async def test_not_multipart(user: User, stored: Stored, content_type: str, content: bytes, code: str) -> None:
    headers = user.tenant.headers() | {"Content-Type": content_type}
    problem(await user.http.post("/import", content=content, headers=headers), 400, code)
    await stored.nothing_of(user.tenant.company_id)


async def test_data_as_browsers_send_a_blob(user: User) -> None:
    """``form.append("data", new Blob([json], {type: "application/json"}))``: with a file name that nobody chose."""
    blob = ("data", ("blob", json.dumps(user.tenant.data()), "application/json"))
    answer = await post(user, [file_part(), blob])
    assert answer.status_code == 202, answer.text


async def test_a_body_of_unknown_length(user: User, stored: Stored) -> None:
    """Sent in pieces, without Content-Length: accepted, or refused as soon as it is too large."""
    request = user.http.build_request("POST", "/import", files=[data_part(user.tenant.data()), file_part()])
    whole = request.read()
    headers = user.tenant.headers() | {"Content-Type": request.headers["content-type"]}

    async def pieces(content: bytes, more: int = 0) -> AsyncIterator[bytes]:
        for start in range(0, len(content), 50):
            yield content[start : start + 50]
        for _ in range(more):
            yield b"," * 1_000_000

    problem(await user.http.post("/import", content=pieces(whole[:-60], 25), headers=headers), 413, "file_too_large")
    await stored.nothing_of(user.tenant.company_id)
    answer = await user.http.post("/import", content=pieces(whole), headers=headers)
    assert answer.status_code == 202, answer.text


async def test_a_multipart_body_that_was_cut(user: User, stored: Stored) -> None:
    """Wherever it was cut, a part of a file is never taken for the file."""
    request = user.http.build_request(
        "POST", "/import", files=[data_part(user.tenant.data()), file_part(csv_file(lead_rows(new_phones(20))))]
    )
    whole = request.read()
    headers = user.tenant.headers() | {"Content-Type": request.headers["content-type"]}
    for length in (len(whole) - 4, len(whole) - 30, len(whole) - 200, len(whole) // 2, 30):
        answer = await user.http.post("/import", content=whole[:length], headers=headers)
        assert answer.json()["code"] in {"multipart_invalid", "file_missing", "data_missing"}
        problem(answer, answer.status_code, answer.json()["code"])
    await stored.nothing_of(user.tenant.company_id)


async def test_a_file_that_begins_border_after_border(user: User, stored: Stored) -> None:
    """What begins as the border and is none is the file's. A file of nothing else is seconds of work for the parser."""
    data = data_part(user.tenant.data())

    async def posted(times: int) -> httpx.Response:
        file = csv_file(lead_rows(new_phones(2))) + b"\r\n--borderX,1,,,\r\n" * times
        headers = user.tenant.headers() | {"Content-Type": "multipart/form-data; boundary=border"}
        return await user.http.post("/import", files=[data, file_part(file)], headers=headers)

    problem(await posted(1), 422, "invalid_rows")
    problem(await posted(200), 400, "multipart_invalid")
    await stored.nothing_of(user.tenant.company_id)


@pytest.mark.parametrize(
    "charset", ["undefined", "punycode", "hex", "utf-16", "unicode_escape", "a\\x00b", "x" * 5_000]
)
async def test_any_charset_of_a_multipart_body(user: User, charset: str) -> None:
    """Python knows codecs that decode nothing, and some that make lone surrogates of a part's name."""
    border, parts = "border", [b'name="\\ud800"', b'name="data"']
    body = b"".join(b"--border\r\nContent-Disposition: form-data; %b\r\n\r\n{\\ud800\r\n" % part for part in parts)
    content_type = f"multipart/form-data; boundary={border}; charset={charset}"
    answer = await user.http.post(
        "/import", content=body + b"--border--\r\n", headers=user.tenant.headers() | {"Content-Type": content_type}
    )
    assert answer.json()["code"] in {"multipart_invalid", "part_unknown"}
    problem(answer, answer.status_code, answer.json()["code"])


DATA: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": None}, "name"),
    "empty name": ({"name": ""}, "name"),
    "blank name": ({"name": " \t\N{NO-BREAK SPACE}"}, "name"),
    "name of 256 characters": ({"name": "é" * 256}, "name"),
    "name is a number": ({"name": 1}, "name"),
    "name with NUL": ({"name": "A\0B"}, "name"),
    "name with half a character": ({"name": "A\ud800"}, "name"),
    "no account": ({"account_id": None}, "account_id"),
    "account is true": ({"account_id": True}, "account_id"),
    "account is text": ({"account_id": "1"}, "account_id"),
    "account is a fraction": ({"account_id": 1.5}, "account_id"),
    "account beyond the column": ({"account_id": TOO_BIG}, "account_id"),
    "account far beyond the column": ({"account_id": 10**40}, "account_id"),
    "account zero": ({"account_id": 0}, "account_id"),
    "account negative": ({"account_id": -1}, "account_id"),
    "no source": ({"source_id": None}, "source_id"),
    "source is true": ({"source_id": True}, "source_id"),
    "source is text": ({"source_id": "1"}, "source_id"),
    "source beyond the column": ({"source_id": TOO_BIG}, "source_id"),
    "tags are text": ({"tag_ids": "1"}, "tag_ids"),
    "tags are an object": ({"tag_ids": {"1": 1}}, "tag_ids"),
    "a tag is text": ({"tag_ids": ["1"]}, "tag_ids"),
    "a tag is true": ({"tag_ids": [True]}, "tag_ids"),
    "a tag beyond the column": ({"tag_ids": [TOO_BIG]}, "tag_ids"),
    "six tags": ({"tag_ids": [1, 2, 3, 4, 5, 6]}, "tag_ids"),
    "unknown field": ({"colour": "red"}, "colour"),
    "unknown option": ({"on_invalid_row": "ignore"}, "on_invalid_row"),
}


@pytest.mark.parametrize("case", DATA)
async def test_wrong_data(user: User, stored: Stored, accepted: Topic, case: str) -> None:
    changes, field = DATA[case]
    parts = [file_part(), data_part(user.tenant.data(**changes))]
    body = await refused(user, stored, accepted, parts, 422, "data_invalid")
    assert {error["pointer"].split("/")[1] for error in body["errors"]} == {field}


@pytest.mark.parametrize("data", ["null", "[]", '"A"', "1", "true"])
async def test_data_is_no_object(user: User, stored: Stored, accepted: Topic, data: str) -> None:
    await refused(user, stored, accepted, [file_part(), data_part(data)], 422, "data_invalid")


FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "file_empty"),
    "blanks only": (b" \r\n\r\n\t\r\n", "file_empty"),
    "byte order mark only": (b"\xef\xbb\xbf", "file_empty"),
    "header only": (csv_file([]), "file_no_rows"),
    "header and blank records": (csv_file([["", "", "", "", ""], [" ", "", "", "", ""]]), "file_no_rows"),
    "missing column": (csv_file([["Ana", "11987654321", "", ""]], header=COLUMNS[:4]), "file_headers"),
    "extra column": (csv_file([["Ana", "11987654321", "", "", "", ""]], header=[*COLUMNS, "city"]), "file_headers"),
    "swapped columns": (
        csv_file([["11987654321", "Ana", "", "", ""]], header=["phone", "name", *COLUMNS[2:]]),
        "file_headers",
    ),
    "misspelt column": (
        csv_file([["Ana", "11987654321", "", "", ""]], header=["name", "fone", *COLUMNS[2:]]),
        "file_headers",
    ),
    "no header": (b"Ana,11987654321,,,\r\nBia,11987654322,,,\r\n", "file_headers"),
    "5,001 rows": (csv_file(lead_rows(f"119{70_000_000 + number}" for number in range(5_001))), "file_too_many_rows"),
}


@pytest.mark.parametrize("on_invalid_row", ["reject", "skip"])
@pytest.mark.parametrize("case", FILES)
async def test_wrong_files(user: User, stored: Stored, accepted: Topic, case: str, on_invalid_row: str) -> None:
    content, code = FILES[case]
    parts = [file_part(content), data_part(user.tenant.data(on_invalid_row=on_invalid_row))]
    await refused(user, stored, accepted, parts, 422, code)


async def test_a_file_beyond_the_size_limit(user: User, stored: Stored, accepted: Topic) -> None:
    """4 KB a row, 5,000 rows."""
    parts = [file_part(csv_file(lead_rows(["11987654321"])) + b"," * (4_096 * 5_000)), data_part(user.tenant.data())]
    await refused(user, stored, accepted, parts, 413, "file_too_large")


ROWS: dict[str, tuple[list[str], list[tuple[str, str]]]] = {
    "no name": (["", "11987654321", "", "", ""], [("name", "name_missing")]),
    "name of 256 characters": (["é" * 256, "11987654321", "", "", ""], [("name", "name_too_long")]),
    "no phone": (["Ana", " ", "", "", ""], [("phone", "phone_missing")]),
    "bad phone": (["Ana", "ligar depois", "", "", ""], [("phone", "phone_invalid")]),
    "phone without DDD": (["Ana", "98765-4321", "", "", ""], [("phone", "phone_invalid")]),
    "phone with a DDD that is none": (["Ana", "(20) 98765-4321", "", "", ""], [("phone", "phone_invalid")]),
    "shortened phone": (["Ana", "5,51E+12", "", "", ""], [("phone", "phone_scientific")]),
    "bad CPF": (["Ana", "11987654321", "529.982.247-24", "", ""], [("cpf", "cpf_invalid")]),
    "CPF of equal digits": (["Ana", "11987654321", "111.111.111-11", "", ""], [("cpf", "cpf_invalid")]),
    "bad e-mail": (["Ana", "11987654321", "", "ana.clinica.com.br", ""], [("email", "email_invalid")]),
    "six tags": (["Ana", "11987654321", "", "", "a,b,c,d,e,f"], [("tags", "tags_too_many")]),
    "256 characters of tags": (["Ana", "11987654321", "", "", "é" * 256], [("tags", "tags_too_long")]),
    "everything": (
        ["", "x", "1", "x", "a,b,c,d,e,f"],
        [
            ("name", "name_missing"),
            ("phone", "phone_invalid"),
            ("cpf", "cpf_invalid"),
            ("email", "email_invalid"),
            ("tags", "tags_too_many"),
        ],
    ),
}


@pytest.mark.parametrize("case", ROWS)
async def test_wrong_rows(user: User, stored: Stored, accepted: Topic, case: str) -> None:
    """The wrong row is the sixth of the spreadsheet: after a good one, a blank one and one of two lines."""
    cells, expected = ROWS[case]
    good, other, last = lead_rows(new_phones(3))
    other[0] += "\nthe second line of a cell"
    content = csv_file([good, [], [""] * 5, other, cells, last])
    parts = [file_part(content), data_part(user.tenant.data())]
    body = await refused(user, stored, accepted, parts, 422, "invalid_rows")
    assert [(error["row"], error["column"], error["code"]) for error in body["errors"]] == [
        (6, column, code) for column, code in expected
    ]
    assert body["total_errors"] == len(expected)


async def test_more_than_a_hundred_errors(user: User, stored: Stored, accepted: Topic) -> None:
    content = csv_file([["Ana", "bad", "", "", ""]] * 250)
    parts = [file_part(content), data_part(user.tenant.data())]
    body = await refused(user, stored, accepted, parts, 422, "invalid_rows")
    assert [error["row"] for error in body["errors"]] == list(range(2, 102))
    assert body["total_errors"] == 250


async def test_longest_values_are_accepted(user: User, stored: Stored) -> None:
    (phone,) = new_phones(1)
    tags = ",".join(f"{letter * 50}" for letter in "abcde")
    row = ["é" * 255, phone, "", "", tags + " "]
    found = await user.run(csv_file([row]), name="é" * 255, tag_ids=user.tenant.tag_ids)
    assert totals(found) == (1, 0, 0)
    (lead,) = await stored.leads(user.tenant.company_id)
    assert (len(lead["name"]), len(lead["tags"])) == (255, 8)


async def test_a_deleted_or_unknown_source(user: User, stored: Stored, accepted: Topic) -> None:
    for source_id in (user.tenant.deleted_source_id, TOO_BIG - 1):
        parts = [file_part(), data_part(user.tenant.data(source_id=source_id))]
        await refused(user, stored, accepted, parts, 422, "source_not_found")


async def test_another_companys_account_or_tag(user: User, new_user: NewUser, stored: Stored, accepted: Topic) -> None:
    theirs = (await new_user()).tenant
    parts = [file_part(), data_part(user.tenant.data(account_id=theirs.account_id))]
    await refused(user, stored, accepted, parts, 422, "account_not_found")
    tag_ids = [user.tenant.tag_ids[0], theirs.tag_ids[0]]
    parts = [file_part(), data_part(user.tenant.data(tag_ids=tag_ids))]
    await refused(user, stored, accepted, parts, 422, "tags_not_found")


async def test_a_deleted_tag(user: User, stored: Stored, accepted: Topic) -> None:
    await stored.execute("UPDATE amigocare.tags SET is_deleted = true WHERE id = :id", id=user.tenant.tag_ids[1])
    parts = [file_part(), data_part(user.tenant.data(tag_ids=user.tenant.tag_ids))]
    await refused(user, stored, accepted, parts, 422, "tags_not_found")


async def test_a_taken_name(user: User, stored: Stored) -> None:
    """Names are compared trimmed and without case, among one account's imports."""
    await user.run(csv_file(lead_rows(new_phones(1))), name="Feira São João")
    for name in ("Feira São João", "  feira SÃO joão "):
        problem(await user.upload(GOOD, name=name), 409, "name_taken")
    imports = "SELECT count(*) FROM amigocare.lead_imports WHERE company_id = :c"
    assert await stored.value(imports, c=user.tenant.company_id) == 1
    await user.accept(GOOD, name="Feira São João", account_id=user.tenant.other_account_id)


async def test_one_name_taken_by_many_at_once(user: User) -> None:
    answers = await asyncio.gather(*(user.upload(csv_file(lead_rows(new_phones(2))), name="Feira") for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409, 409]
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "name_taken")


async def test_what_is_deleted_after_an_import_is_refused_in_the_next(user: User, stored: Stored) -> None:
    """The api may remember reference data, but drops it when an import finishes."""
    await user.run(csv_file(lead_rows(new_phones(1))), tag_ids=user.tenant.tag_ids)
    await stored.execute("UPDATE amigocare.tags SET is_deleted = true WHERE id = :id", id=user.tenant.tag_ids[0])
    source = user.tenant.source_id
    await stored.execute("UPDATE amigocare.lead_sources SET is_deleted = true WHERE id = :id", id=source)
    await user.run(csv_file(lead_rows(new_phones(1))), source_id=1, tag_ids=user.tenant.tag_ids[1:])
    problem(await user.upload(GOOD, tag_ids=user.tenant.tag_ids, source_id=1), 422, "tags_not_found")
    problem(await user.upload(GOOD), 422, "source_not_found")
