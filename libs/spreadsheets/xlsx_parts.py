"""The parts of an Office archive: inflated within a limit, parsed as XML within a limit."""

import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

from libs.spreadsheets.unreadable import Unreadable

_BLOCK = 1 << 18
PENDING = 1 << 20
"""Bytes of one XML tag, comment or the like at most: a parser holds a whole one in memory, so that one without an end
would fill it."""

MOST_ELEMENTS = 200_000
"""Of a part that says how a workbook is put together. Excel keeps 65,536 styles and as many names as fit into memory;
of workbooks that grew for years some tens of thousands are known."""

_MOST_PARTS = 1 << 16
"""An archive lists all of them, and each look at it reads the list. Of pictures a workbook may have thousands."""
_MOST_EXTRA = 1 << 20
"""Bytes that the list has besides names: times, rights. They may be in pieces of four bytes each."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DECLARED = re.compile(
    rb"(?:\xef\xbb\xbf)?<\?xml\s[^>]{0,200}?\bencoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._-]{0,40})[\"']"
)
_KNOWN_ENCODINGS = re.compile(
    rb"utf-?8|utf-?16(?:le|be)?|us-ascii|iso-8859-(?:[1-9]|1[013-6])|windows-125[0-8]", re.IGNORECASE
)
_ARCHIVE_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
"""What ``zipfile`` raises on archives that are cut short, encrypted, or made to confuse it."""
_CONTENT_ERRORS = (expat.ExpatError, struct.error, LookupError)
"""What reading a part raises: XML that is none, records that are cut short, an encoding that nobody knows."""


@contextmanager
def damage_refused() -> Iterator[None]:
    """Raise Unreadable for whatever damage an archive or its parts have: every part may be the damaged one."""
    try:
        yield
    except _ARCHIVE_ERRORS:
        raise Unreadable("file_broken", "The workbook's archive is damaged or not complete.") from None
    except _CONTENT_ERRORS:
        raise Unreadable("file_broken", "A part of the workbook is damaged.") from None


class Parts:
    """The archive's parts, inflated in blocks, all of them together within ``max_bytes``."""

    def __init__(self, archive: zipfile.ZipFile, max_bytes: int) -> None:
        self._archive = archive
        self._left = self._max_bytes = max_bytes
        self._names: dict[str, zipfile.ZipInfo] = {}
        listed = archive.infolist()
        if len(listed) > _MOST_PARTS or sum(len(info.extra) for info in listed) > _MOST_EXTRA:
            raise Unreadable("file_too_large", f"The workbook's archive holds more than {_MOST_PARTS} parts.")
        for info in listed:
            name = part_name(info.filename)
            if name in self._names:
                # One program takes the first, another one the last: nobody can tell which the file's owner sees.
                raise Unreadable("file_broken", "The workbook's archive holds a part twice.")
            self._names[name] = info

    def __contains__(self, name: str) -> bool:
        return part_name(name) in self._names

    def names(self) -> Iterator[str]:
        return iter(self._names)

    def blocks(self, name: str) -> Generator[bytes, None, None]:
        """Yield the part piece by piece. Raises Unreadable when it is missing, encrypted or too large."""
        info = self._names.get(part_name(name))
        if info is None:
            raise Unreadable("file_broken", "The workbook lacks one of its parts.")
        if info.flag_bits & 1:
            raise Unreadable("file_encrypted")
        if info.compress_type not in _METHODS:
            raise Unreadable("file_broken", "The workbook is packed in a way that Excel does not use.")
        with self._archive.open(info) as part:
            is_first = True
            while block := part.read(_BLOCK):
                if is_first:
                    _refuse_unread_encoding(block)
                    is_first = False
                self._left -= len(block)
                if self._left < 0:
                    raise Unreadable("file_too_large", f"The workbook unpacks to more than {self._max_bytes} bytes.")
                yield block


def _refuse_unread_encoding(block: bytes) -> None:
    """Raise Unreadable where XML says that it is written in an encoding that not each of our readers knows.

    Office Open XML knows UTF-8 and UTF-16 alone. Encodings of one byte a character, which some makers write, are read
    all the same; of others, a reader would take the bytes for UTF-8, and store words of UTF-7 as they are spelled.
    """
    declared = _DECLARED.match(block)
    if declared is not None and not _KNOWN_ENCODINGS.fullmatch(declared[1]):
        raise Unreadable("file_broken", "The workbook's XML is in an encoding that Excel does not write.")


def part_name(name: str) -> str:
    """Return the name as Excel compares it: without case, slashes forward."""
    return posixpath.normpath("/" + name.replace("\\", "/")).lstrip("/").lower()


def relationships(parts: Parts, of: str) -> dict[str, tuple[str, str]]:
    """Return {id: (the last word of its type, name of the target's part)} of a part; "" is the whole archive.

    Raises Unreadable where an id is another one's: one reader would follow the first, another one the last.
    """
    folder, name = posixpath.split(of)
    found: dict[str, tuple[str, str]] = {}
    ids: set[str] = set()

    def start(element: str, attributes: dict[str, str]) -> None:
        if element != "Relationship":
            return
        given = attributes.get("Id", "")
        if given and given in ids:
            raise Unreadable("file_broken", "The workbook's parts have unusual names; open it in Excel and save it.")
        ids.add(given)
        if attributes.get("TargetMode") != "External":
            target = posixpath.join("/" + folder, attributes.get("Target", "").replace("\\", "/"))
            kind = attributes.get("Type", "").rpartition("/")[2]
            found[given] = kind, posixpath.normpath(target).lstrip("/")

    part = posixpath.join(folder, "_rels", f"{name}.rels")
    if part in parts:
        parse_whole(parts.blocks(part), start)
    return found


def related_part(parts: Parts, of: str, kind: str) -> str | None:
    """Return the part of a kind, the last word of its type, that a part names and that is there."""
    return next((part for found, part in relationships(parts, of).values() if found == kind and part in parts), None)


@dataclass(slots=True)
class Elements:
    """Counts elements: a small archive can hold millions, and each takes time."""

    left: int

    def count(self) -> None:
        """Raise Unreadable when there are too many."""
        self.left -= 1
        if self.left < 0:
            raise Unreadable("file_too_large", "The workbook holds too many cells.")


def parse_whole(
    blocks: Generator[bytes, None, None],
    start: Callable[[str, dict[str, str]], None],
    most: int = MOST_ELEMENTS,
    end: Callable[[str], None] | None = None,
) -> None:
    """Parse a small part of at most so many elements to its end. Raises ExpatError, Unreadable."""
    elements = Elements(most)

    def counted(name: str, attributes: dict[str, str]) -> None:
        elements.count()
        start(name, attributes)

    for _ in parse(blocks, counted, end):
        pass


def parse(
    blocks: Generator[bytes, None, None],
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], Any] | None = None,
) -> Iterator[None]:
    """Parse XML as a stream; yield after each block. Element names come without prefix.

    Raises ExpatError, Unreadable.
    """
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = lambda name, attributes: start(local(name), attributes)
    if end is not None:
        parser.EndElementHandler = lambda name: end(local(name))
    if text is not None:
        parser.buffer_text = True
        parser.CharacterDataHandler = text
    fed = 0
    with closing(blocks):
        for block in blocks:
            parser.Parse(block, False)
            fed += len(block)
            if fed - parser.CurrentByteIndex > PENDING:
                raise Unreadable("file_broken", "The workbook's XML holds a tag without end.")
            yield
        parser.Parse(b"", True)
        yield


def _refuse_doctype(*_: object) -> None:
    # Excel never writes a document type. Attackers do: it is where entities that unfold without end, and references to
    # other files, are declared.
    raise Unreadable("file_broken", "The workbook's XML declares entities.")


def local(name: str) -> str:
    """Return an element's or attribute's name without its prefix."""
    return name.rpartition(":")[2] if ":" in name else name


def too_wide(rows: int, columns: int) -> Unreadable:
    return Unreadable("file_too_large", f"The sheet's cells spread over {rows} rows and {columns} columns.")
