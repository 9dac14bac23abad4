"""Receives a multipart upload into a file, within its limits."""

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from libs.common.web.refusals import Refused
from services.api.accepting.domain.request import MAX_DATA_BYTES, Upload

FRAMING_BYTES = 64 * 1024
"""Room for the multipart borders and headers, beside the parts themselves."""
MAX_FILE_NAME = 255
COPY_BYTES = 1024 * 1024
TAIL_BYTES = 128
"""So much of a body's end is kept, to look for its last border."""
_FOLDER = "leadflow-upload-"


class UploadSlots:
    """At most ``count`` uploads at once: it bounds the disk and the memory that all of them take together."""

    def __init__(self, count: int) -> None:
        self._free = count

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a slot during the block. Raises Refused ``busy`` at once when there is none: nothing was read yet."""
        if not self._free:
            raise Refused("busy")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


def forget_uploads_of_the_dead() -> None:
    """Remove the uploads that a killed api left behind: they hold personal data and take up the disk.

    Folders are named after the process that made them, and those of processes that live are left alone. A folder of
    this process' own number is an earlier one's, as in a container that was started again: this one has none yet.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        pid = folder.name.removeprefix(_FOLDER).partition("-")[0]
        if pid.isdigit() and (int(pid) == os.getpid() or not Path(f"/proc/{pid}").exists()):
            shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def receive_upload(request: Request, *, max_bytes: int, seconds: float) -> AsyncIterator[Upload]:
    """Receive the parts ``file`` and ``data``; remove everything at the end of the block.

    Raises Refused: not multipart, parts missing, repeated or unknown, or more than ``max_bytes`` of file.
    """
    form, complete = await _receive_form(request, max_bytes=max_bytes, seconds=seconds)
    try:
        try:
            file, data = _parts(form)
        except Refused as refused:
            if complete or refused.code not in {"file_missing", "data_missing"}:
                raise
            raise Refused("multipart_invalid", "The multipart body ends too early.") from None
        if (file.size or 0) > max_bytes:
            raise _too_large(max_bytes)
        with TemporaryDirectory(prefix=f"{_FOLDER}{os.getpid()}-") as folder:
            path = Path(folder) / "upload"
            sha256 = await asyncio.to_thread(_copy, file, path)
            await form.close()  # it holds the file, too, which would take up the disk twice while the upload is read
            yield Upload(Path(folder), path, sha256, _clean_name(file.filename), data)
    finally:
        await form.close()


async def _receive_form(request: Request, *, max_bytes: int, seconds: float) -> tuple[FormData, bool]:
    """Return the parts, and whether the body came to its end."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refused("not_multipart", "The body is not multipart/form-data.")
    most = max_bytes + MAX_DATA_BYTES + FRAMING_BYTES
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise _too_large(max_bytes)
    body = _Body(request, most, max_bytes)
    parser = _Parser(
        request.headers,
        body.pieces(),
        max_files=10,
        max_fields=10,
        max_part_size=MAX_DATA_BYTES,
    )
    try:
        async with asyncio.timeout(seconds):
            return await parser.parse(), body.is_complete
    except MultiPartException as error:
        if "maximum size" in error.message:
            raise _data_too_large() from None
        raise Refused("multipart_invalid", error.message) from None
    except (KeyError, ValueError, ClientDisconnect):
        # ValueError: headers that are not ASCII, or a charset that decodes nothing ("undefined", "punycode").
        raise Refused("multipart_invalid", "The multipart body has no boundary, or ends too early.") from None
    except TimeoutError:
        raise Refused("upload_too_slow", f"The upload took more than {seconds:.0f} seconds.") from None


class _Parser(MultiPartParser):
    """Starlette's parser, which leaves the file of a part open whose border never comes: this one closes it.

    And it would read names in whatever encoding the caller says, of all that Python knows, ``unicode_escape`` among
    them. Names of parts and files are UTF-8 (RFC 7578, section 5.1).
    """

    async def parse(self) -> FormData:
        boundary = parse_options_header(self.headers["content-type"])[1].get(b"boundary", b"")
        self.headers = Headers(raw=[(b"content-type", b'multipart/form-data; boundary="' + boundary + b'"')])
        form = await super().parse()
        last = self._current_part.file
        if last is not None and all(value is not last for _, value in self.items):
            await last.close()
        return form


class _Body:
    """The request's body as it comes, of at most ``most`` bytes."""

    def __init__(self, request: Request, most: int, max_bytes: int) -> None:
        self._request = request
        self._most = most
        self._max_bytes = max_bytes
        self._tail = b""

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        received = 0
        async for piece in self._request.stream():
            received += len(piece)
            if received > self._most:
                raise _too_large(self._max_bytes)
            self._tail = (self._tail + piece)[-TAIL_BYTES:]
            yield piece

    @property
    def is_complete(self) -> bool:
        """Tell whether the last border was seen (RFC 2046, section 5.1.1)."""
        return self._tail.rstrip().endswith(b"--")


def _parts(form: FormData) -> tuple[UploadFile, str]:
    unknown = sorted({name for name, _ in form.multi_items()} - {"file", "data"})
    if unknown:
        raise Refused("part_unknown", "Unknown part: " + ", ".join(name[:40] for name in unknown[:5]))
    files = form.getlist("file")
    if len(files) > 1:
        raise Refused("file_repeated", "The part `file` stands more than once.")
    if not files or not isinstance(files[0], UploadFile):
        raise Refused("file_missing", "There is no part `file` with a file name.")
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
        raise Refused("data_not_json", "The part `data` is not UTF-8.") from None


def _copy(file: UploadFile, path: Path) -> str:
    """Write the file out; return its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as target:
        file.file.seek(0)
        while piece := file.file.read(COPY_BYTES):
            digest.update(piece)
            target.write(piece)
    return digest.hexdigest()


def _clean_name(name: str | None) -> str | None:
    cleaned = re.sub(r"[^\w .()\[\]&+,@-]", "", (name or "").replace("\\", "/").rsplit("/", 1)[-1])
    return cleaned.strip()[:MAX_FILE_NAME] or None


def _data_too_large() -> Refused:
    return Refused("data_too_large", f"The part `data` has more than {MAX_DATA_BYTES} bytes.")


def _too_large(max_bytes: int) -> Refused:
    return Refused("file_too_large", f"The file has more than {max_bytes} bytes.")
