"""Receives a multipart upload into a file, within its limits."""

import asyncio
import errno
import hashlib
import re
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import BinaryIO

import structlog
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from libs.common.web.refusals import Refused, named
from libs.common.web.temporary_files import temporary_folder
from services.api.accepting.domain.request import MAX_DATA_BYTES, Upload
from services.api.http.file_names import clean_name, with_plain_file_name

log = structlog.get_logger()

FRAMING_BYTES = 64 * 1024
"""Room for the multipart borders and headers, beside the parts themselves."""
PIECE_BYTES = 64 * 1024
"""So much of a body is taken at a time, however it comes: each piece is a write in a thread, and who sends single bytes
would have thousands of them for a kilobyte."""
MOST_BORDERS = 100
"""Times that a border begins in a body: more than it may have parts. Behind each the parser goes on byte by byte, and a
file of nothing else would cost thirty times as much as any other."""
LONGEST_TYPE = 1_000
"""Characters of Content-Type: a boundary has 70 (RFC 2046, section 5.1.1). 60 kB of semicolons take 0.1 s to read."""
_BOUNDARY = re.compile(rb"[!#-:<-\[\]-~](?:[ !#-:<-\[\]-~]*[!#-:<-\[\]-~])?")
"""More than it may have by RFC 2046 (section 5.1.1), but no quotation mark, backslash or semicolon: to say them anew to
the parser is to say another boundary, of which nothing is bounded."""
MOST_BLANKS = 64
"""Behind a border (RFC 2046, section 5.1.1: "transport padding"). The parser goes over them byte by byte."""
TAIL_BYTES = 128
"""So much of a body's end is kept, to look for its last border."""
_AS_IT_IS = (b"binary", b"8bit", b"7bit", b"")
"""Encodings for the transfer that leave the bytes as they are. Others have no place in a form (RFC 7578, section 4.7);
libraries for mail use them all the same, and words with accents would be stored as they spell them: Jo=C3=A3o."""


@asynccontextmanager
async def receive_upload(request: Request, *, max_bytes: int, seconds: float) -> AsyncIterator[Upload]:
    """Receive the parts ``file`` and ``data``; remove everything at the end of the block.

    Raises Refused: not multipart, parts missing, repeated or unknown, more than ``max_bytes`` of file, or no room on
    the disk.
    """
    _refuse_at_sight(request, max_bytes)
    with naming_a_full_disk():
        folder = temporary_folder()
    with folder:
        path = Path(folder.name) / "upload"
        with naming_a_full_disk():
            form, complete = await _receive_form(request, path, max_bytes=max_bytes, seconds=seconds)
        try:
            file, data = _checked_parts(form, complete=complete, max_bytes=max_bytes)
            with naming_a_full_disk():
                sha256 = await asyncio.to_thread(_sha256, file.file)
        finally:
            await form.close()
        yield Upload(Path(folder.name), path, sha256, clean_name(file.filename), data)


@contextmanager
def naming_a_full_disk() -> Iterator[None]:
    """Raise Refused ``no_room`` for an error that says that the disk is full: no store is to blame for it."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        log.warning("no room for uploads", folder=tempfile.gettempdir())
        raise Refused("no_room") from None


def _refuse_at_sight(request: Request, max_bytes: int) -> None:
    """Raise Refused for what the headers alone tell, before anything is received."""
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise Refused("not_multipart", "The body is not multipart/form-data.")
    if len(kind) > LONGEST_TYPE:
        raise Refused("multipart_invalid", f"The header Content-Type has more than {LONGEST_TYPE} characters.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most_body_bytes(max_bytes):
        raise _too_large(max_bytes)


def most_body_bytes(max_bytes: int) -> int:
    """Return how many bytes the body of an upload may have."""
    return max_bytes + MAX_DATA_BYTES + FRAMING_BYTES


async def _receive_form(request: Request, path: Path, *, max_bytes: int, seconds: float) -> tuple[FormData, bool]:
    """Return the parts, and whether the body came to its end. The file of the part ``file`` is at ``path``."""
    try:
        body = _Body(request, _boundary_of(request.headers), most_body_bytes(max_bytes), max_bytes)
        parser = _Parser(
            request.headers,
            body.pieces(),
            path=path,
            max_files=10,
            max_fields=10,
            max_part_size=MAX_DATA_BYTES,
        )
        async with asyncio.timeout(seconds):
            return await parser.parse(), body.is_complete
    except MultiPartException as error:
        if "maximum size" in error.message:
            raise (_no_file_name() if parser.current_name == "file" else _data_too_large()) from None
        raise Refused("multipart_invalid", error.message) from None
    except (KeyError, ValueError, ClientDisconnect):
        # ValueError: headers that are not ASCII, or a charset that decodes nothing ("undefined", "punycode").
        raise Refused("multipart_invalid", "The multipart body has no boundary, or ends too early.") from None
    except TimeoutError:
        raise Refused("upload_too_slow", f"The upload took more than {seconds:.0f} seconds.") from None


class _Parser(MultiPartParser):
    """Starlette's parser, which writes the part ``file`` where it stays, and leaves no file open.

    Starlette's own files have no name that another process could read them by, and a copy would take up the disk twice.
    And it leaves the file of a part open whose border never comes: this one closes it.

    And it would read names in whatever encoding the caller says, of all that Python knows, ``unicode_escape`` among
    them. Names of parts and files are UTF-8 (RFC 7578, section 5.1), and so is JSON: what is not UTF-8 would be read as
    Latin-1, and a name from the console of Windows become another.
    """

    spool_max_size = PIECE_BYTES
    """Bytes of a part that has no place here and that wait in memory for their refusal; the rest waits on the disk."""

    def __init__(
        self,
        headers: Headers,
        stream: AsyncGenerator[bytes, None],
        *,
        path: Path,
        max_files: int,
        max_fields: int,
        max_part_size: int,
    ) -> None:
        super().__init__(headers, stream, max_files=max_files, max_fields=max_fields, max_part_size=max_part_size)
        self._path = path

    def on_headers_finished(self) -> None:
        disposition = self._current_part.content_disposition
        if disposition is not None:
            self._current_part.content_disposition = with_plain_file_name(disposition)
        super().on_headers_finished()
        part = self._current_part
        for name, value in part.item_headers:
            if name == b"content-transfer-encoding" and value.strip().lower() not in _AS_IT_IS:
                raise Refused(
                    "multipart_invalid",
                    "A part is encoded (`Content-Transfer-Encoding`); send its bytes as they are.",
                )
        # A second part of this name is refused later, and goes where Starlette puts it.
        if part.file is not None and part.field_name == "file" and not self._path.exists():
            part.file.file.close()
            part.file.file = self._path.open("w+b")
            self._files_to_close_on_error[-1] = part.file.file  # type: ignore[call-overload]  # all that it does is close

    @property
    def current_name(self) -> str:
        """The name of the part that is being received."""
        return self._current_part.field_name

    def on_part_end(self) -> None:
        part = self._current_part
        if part.file is None and part.field_name == "data":
            try:
                part.data.decode()
            except UnicodeDecodeError:
                raise _not_utf8() from None
        super().on_part_end()

    async def parse(self) -> FormData:
        boundary = _boundary_of(self.headers)
        self.headers = Headers(raw=[(b"content-type", b'multipart/form-data; boundary="' + boundary + b'"')])
        form = await super().parse()
        last = self._current_part.file
        if last is not None and all(value is not last for _, value in self.items):
            await last.close()
        return form


def _boundary_of(headers: Headers) -> bytes:
    """Return the boundary. Raises KeyError, ValueError where there is none that any program writes."""
    boundary = parse_options_header(headers["content-type"])[1].get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary):
        raise ValueError
    return boundary


class _Body:
    """The request's body as it comes, of at most ``most`` bytes."""

    def __init__(self, request: Request, boundary: bytes, most: int, max_bytes: int) -> None:
        self._request = request
        self._border = b"\r\n--" + boundary
        self._padded = re.compile(re.escape(self._border) + rb"[ \t]{%d}" % (MOST_BLANKS + 1))
        self._borders = 0
        self._most = most
        self._max_bytes = max_bytes
        self._kept_bytes = max(TAIL_BYTES, len(self._border) + MOST_BLANKS)
        self._tail = b""

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        received = 0
        gathered = bytearray()
        async for piece in self._request.stream():
            received += len(piece)
            if received > self._most:
                raise _too_large(self._max_bytes)
            gathered += piece
            if len(gathered) >= PIECE_BYTES:
                yield self._taken(gathered)
        if gathered:
            yield self._taken(gathered)

    def _taken(self, gathered: bytearray) -> bytes:
        piece = bytes(gathered)
        gathered.clear()
        self._borders += piece.count(self._border)
        if self._borders > MOST_BORDERS:
            raise Refused("multipart_invalid", "The boundary of the multipart body stands in its file, too.")
        seen = self._tail + piece
        if self._padded.search(seen):
            raise Refused("multipart_invalid", f"Behind a boundary stand more than {MOST_BLANKS} blanks.")
        self._tail = seen[-self._kept_bytes :]
        return piece

    @property
    def is_complete(self) -> bool:
        """Tell whether the last border was seen (RFC 2046, section 5.1.1)."""
        return self._tail.rstrip().endswith(b"--")


def _checked_parts(form: FormData, *, complete: bool, max_bytes: int) -> tuple[UploadFile, str]:
    try:
        file, data = _parts(form)
    except Refused as refused:
        if complete or refused.code not in {"file_missing", "data_missing"}:
            raise
        raise Refused("multipart_invalid", "The multipart body ends too early.") from None
    if (file.size or 0) > max_bytes:
        raise _too_large(max_bytes)
    return file, data


def _parts(form: FormData) -> tuple[UploadFile, str]:
    unknown = {name for name, _ in form.multi_items()} - {"file", "data"}
    if unknown:
        raise Refused("part_unknown", "Unknown part: " + named(unknown))
    files = form.getlist("file")
    if len(files) > 1:
        raise Refused("file_repeated", "The part `file` stands more than once.")
    if not files or not isinstance(files[0], UploadFile):
        raise _no_file_name()
    data = form.getlist("data")
    if len(data) > 1:
        raise Refused("data_repeated", "The part `data` stands more than once.")
    if not data:
        raise Refused("data_missing", "There is no part `data` with JSON.")
    return files[0], data[0] if isinstance(data[0], str) else _text_of(data[0])


def _text_of(blob: UploadFile) -> str:
    """Read ``data`` that came with a file name, as browsers send ``new Blob([json])``."""
    content = blob.file.read(MAX_DATA_BYTES + 1)
    if len(content) > MAX_DATA_BYTES:
        raise _data_too_large()
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _not_utf8() from None


def _sha256(file: BinaryIO) -> str:
    """Return the SHA-256 of all that was written, which is then on the disk."""
    file.flush()
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # a file that is open for reading


def _no_file_name() -> Refused:
    return Refused("file_missing", "There is no part `file` with a file name.")


def _not_utf8() -> Refused:
    return Refused("data_not_json", "The part `data` is not UTF-8.")


def _data_too_large() -> Refused:
    return Refused("data_too_large", f"The part `data` has more than {MAX_DATA_BYTES} bytes.")


def _too_large(max_bytes: int) -> Refused:
    return Refused("file_too_large", f"The file has more than {max_bytes} bytes.")
