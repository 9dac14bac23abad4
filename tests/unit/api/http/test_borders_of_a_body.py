"""The borders of a multipart body: blanks may stand behind one (RFC 2046, section 5.1.1), and keep nobody busy."""

import pytest
from starlette.requests import Request
from starlette.types import Message

from libs.common.web.refusals import Refused
from services.api.http.upload import MOST_BLANKS, PIECE_BYTES, receive_upload

DATA = b'--border\r\nContent-Disposition: form-data; name="data"\r\n\r\n{}\r\n--border'
FILE = b'\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nname,phone\r\n--border--\r\n'


async def received(body: bytes, *, before: int = 0, kind: bytes = b"multipart/form-data; boundary=border") -> bytes:
    """Return the file of a body that comes as it is taken: ``before`` bytes fill up the piece in which it begins."""
    filler = b'--border\r\nContent-Disposition: form-data; name="data"\r\n\r\n'
    whole = filler + b" " * (before - len(filler) - 2) + b"\r\n" + body if before else body
    pieces = [whole[at : at + PIECE_BYTES] for at in range(0, len(whole), PIECE_BYTES)]
    messages = iter([*({"type": "http.request", "body": piece, "more_body": True} for piece in pieces), END])

    async def receive() -> Message:
        return next(messages)

    request = Request({"type": "http", "method": "POST", "headers": [(b"content-type", kind)]}, receive)
    async with receive_upload(request, max_bytes=1 << 20, seconds=30) as upload:
        return upload.path.read_bytes()


END: Message = {"type": "http.request", "body": b"", "more_body": False}


@pytest.mark.parametrize("blank", [b" ", b"\t"])
async def test_a_border_may_have_blanks_behind_it(blank: bytes) -> None:
    assert await received(DATA + blank * MOST_BLANKS + FILE) == b"name,phone"


@pytest.mark.parametrize("before", [0, *(PIECE_BYTES - len(DATA) - blanks for blanks in (-4, 0, 1, 40, MOST_BLANKS))])
async def test_more_blanks_behind_a_border_are_refused_wherever_a_piece_ends(before: int) -> None:
    with pytest.raises(Refused, match="multipart_invalid") as refused:
        await received(DATA + b" \t" * MOST_BLANKS + FILE, before=before)
    assert "blanks" in refused.value.detail


async def test_blanks_in_a_file_are_its_own() -> None:
    file = FILE.replace(b"name,phone", b"a--border" + b" " * 300 + b"\r\n" + b"\t" * 300)
    assert await received(DATA + file) == b"a--border" + b" " * 300 + b"\r\n" + b"\t" * 300


async def test_a_type_that_takes_long_to_read_is_refused() -> None:
    with pytest.raises(Refused, match="multipart_invalid"):
        await received(DATA + FILE, kind=b"multipart/form-data; boundary=border" + b";" * 1_000)


@pytest.mark.parametrize(
    "boundary", [rb'"a\"; boundary=c"', rb'"a\\b"', b'"a;b"', b'" a"', b'"a "', b'""', b"", b'"\xe9"']
)
async def test_the_parser_and_its_bounds_see_one_boundary(boundary: bytes) -> None:
    """A mark behind a backslash the parser, to which the boundary is told anew, read as its end."""
    seen_by_the_parser = boundary.strip(b'"').rpartition(b"=")[2] + b'"'
    body = (DATA + b" " * 1_000 + FILE).replace(b"border", seen_by_the_parser)
    with pytest.raises(Refused, match="multipart_invalid"):
        await received(body, kind=b"multipart/form-data; boundary=" + boundary)


@pytest.mark.parametrize(
    "boundary", [b"----WebKitFormBoundary7MA4YWxkTrZu0gW", b'"=_Part 0.1(2)+\'?:/,"', b"{3f2a}", b"*" * 70]
)
async def test_boundaries_as_programs_write_them(boundary: bytes) -> None:
    body = (DATA + FILE).replace(b"border", boundary.strip(b'"'))
    assert await received(body, kind=b"multipart/form-data; boundary=" + boundary) == b"name,phone"
