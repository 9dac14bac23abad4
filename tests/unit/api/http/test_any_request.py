"""Any bytes of a request are an upload or a problem: never another error, whatever they decode to."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.datastructures import UploadFile
from starlette.requests import Request

from libs.common.web.auth import AuthSettings, TokenReader
from libs.common.web.caller import Caller, InvalidToken
from libs.common.web.problems import problem_response
from libs.common.web.refusals import Refused
from services.api.accepting.domain.request import ImportRequest, read_request
from services.api.http.problems import PROBLEMS
from services.api.http.upload import receive_upload

any_text = st.text(alphabet=st.characters(codec=None, categories=None) | st.just("\ud800"), max_size=20)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
near_data = st.fixed_dictionaries(
    {"name": any_text | any_json, "account_id": st.integers() | any_json, "source_id": st.integers(1, 9)},
    optional={"tag_ids": st.lists(st.integers(-1, 2**40)) | any_json, "on_invalid_row": any_text, "\ud800": any_json},
)


def body_of(refused: Refused) -> dict[str, Any]:
    """Return the problem as it is sent."""
    assert refused.code in PROBLEMS
    assert PROBLEMS[refused.code].status < 500
    response = problem_response(refused, PROBLEMS)
    found: dict[str, Any] = json.loads(bytes(response.body).decode())
    assert (found["code"], found["status"]) == (refused.code, response.status_code)
    return found


@settings(max_examples=80)
@given(
    data=st.one_of(
        any_text,
        st.binary(max_size=60),
        (any_json | near_data).map(json.dumps),
        st.builds(str.__mul__, st.sampled_from(["[", '{"a":', "9", "-", '"']), st.integers(1, 30_000)),
    )
)
@example(data="[" * 100_000)
@example(data='{"name": "\\ud800", "\\ud800\\ud800": 1}')
@example(data="1" * 5_000)
def test_any_data_is_a_request_or_a_problem(data: str | bytes) -> None:
    try:
        assert isinstance(read_request(data), ImportRequest)
    except Refused as refused:
        assert body_of(refused)["code"] in {"data_not_json", "data_invalid"}


GOOD = (
    b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\nname\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="data"\r\n\r\n{}\r\n--XX--\r\n'
)
spoilt = st.builds(
    lambda start, end, insert: GOOD[:start] + insert + GOOD[end:],
    st.integers(0, len(GOOD)),
    st.integers(0, len(GOOD)),
    st.binary(max_size=8) | st.sampled_from([b"\r\n", b"--XX", b"--XX--", b"\x00", b"\xed\xa0\x80", b'name="file"; ']),
)
content_types = st.one_of(
    st.just("multipart/form-data; boundary=XX"),
    st.builds(
        "multipart/form-data; boundary=XX; charset={}".format,
        st.sampled_from(["undefined", "punycode", "idna", "utf-7", "utf-16", "unicode_escape", "hex", "\x00", "utf-8"]),
    ),
    st.builds("multipart/form-data;{}".format, st.text(alphabet=st.characters(max_codepoint=255), max_size=20)),
)


async def _received(body: bytes, content_type: str, piece: int) -> None:
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)] or [b""]

    async def receive() -> dict[str, Any]:
        content = pieces.pop(0) if pieces else b""
        return {"type": "http.request", "body": content, "more_body": bool(pieces)}

    headers = [(b"content-type", content_type.encode("latin-1"))]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    async with receive_upload(request, max_bytes=1_000, seconds=5) as upload:
        assert upload.path.stat().st_size <= 1_000
        upload.data.encode("utf-8", "surrogatepass")
    assert not upload.folder.exists()


@settings(max_examples=80)
@given(body=spoilt | st.binary(max_size=100), content_type=content_types, piece=st.sampled_from([1, 7, 10_000]))
@example(body=GOOD, content_type="multipart/form-data; boundary=XX; charset=undefined", piece=10_000)
@example(
    body=GOOD.replace(b'"data"', b'"\\ud800"'),
    content_type="multipart/form-data; boundary=XX; charset=unicode_escape",
    piece=9,
)
@example(  # Python would warn of the escape that it does not know
    body=GOOD.replace(b'"a.csv"', b'"\\ .csv"'),
    content_type="multipart/form-data; boundary=XX; charset=unicode_escape",
    piece=10_000,
)
@example(  # its last part has no end
    body=GOOD.partition(b"name\r\n")[0] + b"--XX--\r\n",
    content_type="multipart/form-data; boundary=XX",
    piece=10_000,
)
def test_any_body_is_an_upload_or_a_problem(body: bytes, content_type: str, piece: int) -> None:
    try:
        asyncio.run(_received(body, content_type, piece))
    except Refused as refused:
        body_of(refused)


@pytest.mark.parametrize("header", [b'name="data"', b'name="data"; filename="blob"'])
@pytest.mark.parametrize("encoding", ["latin-1", "cp850", "cp1252", "mac_roman"])
def test_data_that_is_not_utf8_is_refused_and_never_read_as_something_else(header: bytes, encoding: str) -> None:
    body = GOOD.replace(b'name="data"', header).replace(b"{}", '{"name": "João"}'.encode(encoding))
    with pytest.raises(Refused) as caught:
        asyncio.run(_received(body, "multipart/form-data; boundary=XX", 10))
    assert (caught.value.code, "UTF-8" in caught.value.detail) == ("data_not_json", True)


@pytest.mark.parametrize("size", [10, 70_000])
def test_a_file_without_a_name_is_told_as_such_however_large_it_is(size: int) -> None:
    body = GOOD.replace(b'; filename="a.csv"', b"").replace(b"name\r\n--", b"x" * size + b"\r\n--")
    with pytest.raises(Refused) as caught:
        asyncio.run(_received(body, "multipart/form-data; boundary=XX", 10_000))
    assert caught.value.code == "file_missing"


@pytest.mark.parametrize("encoding", [b"quoted-printable", b"base64", b" Base64 ", b"x-uuencode"])
@pytest.mark.parametrize("name", [b"Content-Transfer-Encoding", b"content-transfer-encoding"])
@pytest.mark.parametrize("place", [b"Content-Type: text/csv\r\n", b"\r\n{}"])
def test_a_part_that_is_encoded_for_the_transfer_is_refused(place: bytes, name: bytes, encoding: bytes) -> None:
    """Its words would be stored as they are spelt on the way: Jo=C3=A3o."""
    body = GOOD.replace(place, b"%b: %b\r\n" % (name, encoding) + place)
    with pytest.raises(Refused) as caught:
        asyncio.run(_received(body, "multipart/form-data; boundary=XX", 10_000))
    assert (caught.value.code, "Transfer" in caught.value.detail) == ("multipart_invalid", True)


@pytest.mark.parametrize("encoding", [b"binary", b"8bit", b"7BIT", b""])
def test_a_part_that_says_that_it_is_not_encoded_is_taken(encoding: bytes) -> None:
    body = GOOD.replace(b"Content-Type: text/csv", b"Content-Transfer-Encoding: " + encoding)
    asyncio.run(_received(body, "multipart/form-data; boundary=XX", 10_000))


def test_a_file_that_comes_byte_by_byte_is_written_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write is a thread's: twenty seconds of a processor for 200 KB that somebody sends so."""
    written = []
    write = UploadFile.write

    async def noted(file: UploadFile, data: bytes) -> None:
        written.append(len(data))
        await write(file, data)

    monkeypatch.setattr(UploadFile, "write", noted)
    asyncio.run(_received(GOOD.replace(b"name\r\n", b"x" * 900 + b"\r\n"), "multipart/form-data; boundary=XX", 1))
    assert sum(written) >= 900
    assert len(written) < 5


def test_the_body_that_is_spoilt_was_good() -> None:
    asyncio.run(_received(GOOD, "multipart/form-data; boundary=XX", 7))


@settings(max_examples=80)
@given(
    token=st.one_of(
        any_text,
        st.builds(lambda *parts: ".".join(parts), *[st.text(alphabet="eyJhbGciOiJub25lIn0_-=", max_size=30)] * 3),
    )
)
@example(token="W1tb" * 20_000 + ".e30.x")
def test_any_token_of_a_stranger_is_refused(token: str) -> None:
    reader = TokenReader(AuthSettings(jwt_secret="s" * 32))

    async def read() -> Caller:
        return await reader.read(token)

    with pytest.raises(InvalidToken):
        asyncio.run(read())
