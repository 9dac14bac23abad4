"""What a file is called: as its owner typed it, however the client wrote the name down."""

import asyncio
import unicodedata
from typing import Any

import pytest
from starlette.requests import Request

from libs.common.web.refusals import Refused
from services.api.http.upload import receive_upload

DATA = b'--XX\r\nContent-Disposition: form-data; name="data"\r\n\r\n{}\r\n--XX--\r\n'


def called(disposition: str) -> str | None:
    """Return the name of a file that was sent with these parameters of its Content-Disposition."""
    head = f"--XX\r\nContent-Disposition: form-data; {disposition}\r\n\r\nname\r\n".encode()
    pieces = [head + DATA]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(), "more_body": False}

    async def received() -> str | None:
        headers = [(b"content-type", b"multipart/form-data; boundary=XX")]
        request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
        async with receive_upload(request, max_bytes=1_000, seconds=5) as upload:
            assert upload.path.read_bytes() == b"name"
            return upload.file_name

    return asyncio.run(received())


@pytest.mark.parametrize("name", ["João.csv", "Promoção de verão.xlsx", "Über São Tomé & Príncipe.csv"])
def test_a_name_that_was_typed_on_a_mac_keeps_its_accents(name: str) -> None:
    on_a_mac = unicodedata.normalize("NFD", name)
    assert on_a_mac != name
    assert called(f'name="file"; filename="{on_a_mac}"') == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("UTF-8''Jo%C3%A3o.csv", "João.csv"),
        ("utf-8'pt-BR'Joa%CC%83o%20%281%29.csv", "João (1).csv"),
        ("ISO-8859-1''Jo%E3o.csv", "João.csv"),
        ("\"UTF-8''Jo%C3%A3o.csv\"", "João.csv"),
        ("UTF-8''leads.csv", "leads.csv"),
        ("UTF-8''C%3A%5CUsers%5CAna%5Cleads.csv", "leads.csv"),
        ("UTF-8''a%22%3B%20filename%3Db.csv", "a filenameb.csv"),
        ("UTF-8''..%2F..%2Fetc%2Fleads.csv", "leads.csv"),
        # It is a file all the same where its name cannot be read
        ("UTF-8''Jo%E3o.csv", "Joo.csv"),
        ("utf-7''leads.csv", None),
        ("unicode_escape''%5Cud800.csv", None),
        ("leads.csv", None),
        ("''", None),
        ("", None),
    ],
)
def test_a_part_whose_name_is_written_in_the_extended_way_alone_is_a_file(written: str, name: str | None) -> None:
    """RFC 7578, section 4.2, lets nobody send it; RFC 8187 says how it is written."""
    assert called(f'name="file"; filename*={written}') == name
    assert called(f'filename*={written}; name="file"') == name


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("filename*=UTF-8''b.csv; filename=\"a.csv\"", "b.csv"),
        ("filename=a.csv; filename*=UTF-8''b.csv", "b.csv"),
        ("FileName*=UTF-8''b.csv; filename=a.csv", "b.csv"),
        # As .NET's MultipartFormDataContent sends both
        ("filename=\"=?utf-8?B?Sm/Do28uY3N2?=\"; filename*=utf-8''Jo%C3%A3o.csv", "João.csv"),
        # The plain one where the other one cannot be read
        ("filename=\"a.csv\"; filename*=utf-7''b.csv", "a.csv"),
        ('filename="a.csv"; filename*=b.csv', "a.csv"),
        ('filename="a.csv"; filename*=', "a.csv"),
        ("filename=\"a; filename*=UTF-8''b.csv\"", "a filenameUTF-8b.csv"),
    ],
)
def test_of_both_names_the_one_that_can_write_every_letter_counts(where: str, name: str) -> None:
    """RFC 6266, section 4.3: whoever sends both writes the plain one for those who do not know the other."""
    assert called(f'name="file"; {where}') == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("=?utf-8?B?Sm/Do28uY3N2?=", "João.csv"),
        ("=?UTF-8?Q?Jo=C3=A3o_Silva.csv?=", "João Silva.csv"),
        ("=?iso-8859-1?q?Jo=E3o.csv?=", "João.csv"),
        ("=?utf-8*pt-BR?B?Sm/Do28uY3N2?=", "João.csv"),
        # A blank between two words belongs to neither; one beside other text is its own
        ("=?utf-8?Q?Jo=C3=A3o_?= =?utf-8?B?U2lsdmE=?=.csv", "João Silva.csv"),
        ("Lista =?utf-8?B?Sm/Do28uY3N2?=", "Lista João.csv"),
        ("=?utf-8?B?Li4vLi4vbGVhZHMuY3N2?=", "leads.csv"),
        ("=?utf-8?Q?a=22b=3B.csv?=", "ab.csv"),
        # What is no such word stays what it is
        ("=?utf-8?B?Sm/Do28uY3N2", "Do28uY3N2"),
        ("=?utf-8?X?abc?=", "utf-8Xabc"),
        ("=?utf-8?B?a?=", "utf-8Ba"),
        ("=?unicode_escape?Q?=5Cud800?=", "unicode_escapeQ5Cud800"),
        ("a=b.csv", "ab.csv"),
    ],
)
def test_a_plain_name_in_encoded_words_is_read(written: str, name: str) -> None:
    """Clients for mail write names so (RFC 2047), and of .NET those that leave ``filename*`` out."""
    assert called(f'name="file"; filename="{written}"') == name


def test_what_stands_within_quotation_marks_is_no_parameter() -> None:
    with pytest.raises(Refused) as refused:
        called('name="file"; title="x; filename*=UTF-8\'\'b.csv"')
    assert refused.value.code == "file_missing"
