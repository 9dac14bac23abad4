"""Which encoding decodes a whole text file: found out for certain, because a guess would store wrong names.

UTF-8 and UTF-16 are recognised by their rules. What is neither has one byte a character, and which one cannot be told
by rules: the same byte is an accent on Windows, another one on a Mac, a third one on DOS. So the words with accents are
read in each way, and Windows-1252 (Excel's CSV in Brazil) is only believed where the other readings could not be meant.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Literal

from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.words import is_word

EncodingName = Literal["utf-8", "utf-16", "windows-1252", "macintosh", "cp850", "cp860", "gb18030"]
"""What a caller may say a file is encoded in, by the names of IANA."""

CODECS: dict[EncodingName, str] = {
    "utf-8": "utf-8-sig",
    "utf-16": "utf-16",
    "windows-1252": "cp1252",
    "macintosh": "mac_roman",
    "cp850": "cp850",
    "cp860": "cp860",
    "gb18030": "gb18030",
}
"""Python's codec for each."""

_UTF = (CODECS["utf-8"], CODECS["utf-16"])
_SINGLE_BYTE: tuple[EncodingName, ...] = ("windows-1252", "macintosh", "cp850", "cp860")
_SHOWN: dict[EncodingName, str] = {
    "windows-1252": "Windows-1252",
    "macintosh": "Macintosh",
    "cp850": "DOS (cp850)",
    "cp860": "DOS (cp860)",
    "gb18030": "GB18030",
}

_BLOCK = 1 << 20
_SAMPLE = 1 << 14
_BYTES_OF_UTF16 = 4
"""In UTF-16 every second byte of western text is zero: half of all bytes. Text of other scripts has fewer, so a file
is taken for UTF-16 when a quarter of its bytes are zeros in even places, or in odd ones."""

_UTF8_LETTER = re.compile(rb"\xc3[\x80-\xbf]|\xc2[\xa0-\xbf]|\xe2\x80[\x90-\xbf]")
"""What stands in the UTF-8 of western text: Latin letters with accents, typographic signs."""
_UTF8_AND_NO_CHINESE = re.compile(
    rb"[A-Za-z]\xc3[\x80-\xbf]|\xc3[\x80-\xbf][A-Za-z]|[A-Za-z0-9]\xc2[\xaa\xba]|[\xe2-\xe9][\x80-\xbf]{2}|\xf0\x9f"
)
"""What a text that is UTF-8 throughout has if it is meant so: Latin letters beside those with accents, ordinals, signs,
and Chinese, of which each letter has three bytes there."""
_HIGH = re.compile(rb"[\x80-\xff]+")
_LETTERS_BEFORE = re.compile(rb"[A-Za-z]*\Z")
_LETTERS_FROM = re.compile(rb"[A-Za-z\x80-\xff]*")
_HAS_LETTER = re.compile(r"[^\W\d_a-zA-Z\u00aa\u00ba]")
"""A letter over ASCII; the signs of ordinals are none."""
_LONGEST_WORD = 64
"""Bytes. No more of a word is looked at, on either side of its first accent."""
_OF_OTHER_COUNTRIES = re.compile("[ýøìùèòïûÝØÌÙÈÒÏÛ]".encode("cp1252"))
"""Letters that Portuguese does not have, nor German: in Prague and Warsaw ř, ě, ů, č, ň, ď, ű, in Turkey
an i without its dot."""
FEW_WORDS = 3
"""So few words with accents may be right by chance: somebody should look at them."""
_MOST_WORDS = 2_000
_WORDS_TO_SHOW = 50
_SHARE_OF_WORDS = 0.9
"""So many of its words with accents a text must have right in the one encoding that it is in: names may be foreign."""


def find_encoding(path: Path) -> str:
    """Return the codec that decodes the whole file.

    Raises Unreadable with ``file_encoding`` where that is not certain; its ``detail`` says how a word with accents
    would read, so that its owner sees which encoding it is, and names it.
    """
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    if marked := _encoding_of_mark(head):
        return CODECS[marked]
    if utf16 := _utf16_without_mark(head):
        return utf16
    if _decodes(path, "utf-8"):
        return "utf-8"
    _refuse_mixture(path)
    words = list(dict.fromkeys(_words(path)))
    right = {name: sum(_is_right(word, name) for word in words) for name in _SINGLE_BYTE}
    best = right.pop("windows-1252")
    others = {name for name, count in right.items() if 2 * count > best}
    is_certain = best >= _SHARE_OF_WORDS * len(words) and best and not others and not _may_be_of_other_countries(words)
    if is_certain and _decodes(path, "cp1252"):
        return "cp1252"
    raise Unreadable("file_encoding", _readings(words, right | {"windows-1252": best}))


def _may_be_of_other_countries(words: list[bytes]) -> bool:
    """Tell whether most words have a letter for which another Windows has the same byte: "Dvořák" of Prague is
    "Dvoøák" here.
    """
    found = sum(_OF_OTHER_COUNTRIES.search(word) is not None for word in words)
    return found > FEW_WORDS and 2 * found > len(words)


def has_few_accents(path: Path) -> bool:
    """Tell whether so few words told the encoding that people should see whether they read right."""
    return len(set(islice(_words(path), FEW_WORDS + 1))) <= FEW_WORDS


def named_encoding(path: Path, name: EncodingName) -> str:
    """Return the codec of the encoding that the caller names, or of the one that a byte order mark names.

    Who names UTF-16, as a preview tells it, means a file without a mark, too.

    Raises Unreadable when the file is not in it, and where it is plainly UTF-8: every single byte decodes in some way,
    and as another encoding it would store wrong names without a fault to see.
    """
    with path.open("rb") as file:
        # No text begins with these signs of another encoding. A report of ours has a mark whatever its import was in.
        head = file.read(_SAMPLE)
    marked = _encoding_of_mark(head)
    name = marked or name
    codec = CODECS[name]
    if codec not in _UTF and (words := _words_of_utf8(path, name)):
        word = max(words, key=len)
        read, misread = word.decode(errors="ignore"), word.decode(codec, errors="replace")
        raise Unreadable(
            "file_encoding",
            f"The file is encoded in UTF-8, not in {name}: one word would read “{misread}” instead of “{read}”. Leave"
            " `encoding` out; if the latter is wrong, save the file as CSV UTF-8.",
        )
    if name == "utf-16" and not marked:
        codec = _utf16_without_mark(head) or codec
    if not _decodes(path, codec):
        raise Unreadable("file_encoding", f"The file is not encoded in {name}.")
    return codec


def _encoding_of_mark(head: bytes) -> EncodingName | None:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else None


def _utf16_without_mark(head: bytes) -> str | None:
    """Return the codec of text in UTF-16 that begins so; None: it looks like no such text."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * _BYTES_OF_UTF16 > len(head):
        return "utf-16-be" if even > odd else "utf-16-le"
    return None


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for block in _blocks(path):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeError:  # of UTF-16 a mark that is missing is no UnicodeDecodeError
        return False
    return True


def _words_of_utf8(path: Path, name: EncodingName) -> list[bytes]:
    """Return some words with bytes over 127 of a file that is plainly UTF-8 and no text in the encoding that is named;
    none of any other file.
    """
    words = list(islice(_words(path), _WORDS_TO_SHOW))
    if not words or not _decodes(path, "utf-8"):
        return []
    # Two bytes of UTF-8 may be a letter of Chinese, too, and a file may have few of them.
    is_told = name in _SINGLE_BYTE or any(map(_UTF8_AND_NO_CHINESE.search, _blocks(path)))
    return words if is_told else []


def _refuse_mixture(path: Path) -> None:
    """Raise Unreadable when some accents are UTF-8 and some are not: either reading would store wrong names."""
    utf8 = other = 0
    for block in _blocks(path):
        in_letters = sum(map(len, _UTF8_LETTER.findall(block)))
        utf8 += in_letters
        other += sum(map(len, _HIGH.findall(block))) - in_letters
    if utf8 and other:
        raise Unreadable(
            "file_encoding",
            "Some rows are encoded in UTF-8 and some are not, so that one or the other would be stored wrongly. Save"
            " the file as CSV UTF-8, and look at the names with accents before.",
        )


def _words(path: Path) -> Iterator[bytes]:
    """Yield words with bytes over 127, a bounded number of them, each of bounded length."""
    left = _MOST_WORDS
    for block in _blocks(path):
        end = 0
        for high in _HIGH.finditer(block):
            start = high.start()
            if start < end:
                continue  # of the word before
            before = _LETTERS_BEFORE.search(block, max(end, start - _LONGEST_WORD), start)
            following = _LETTERS_FROM.match(block, start, start + _LONGEST_WORD)
            if before is None or following is None:
                raise AssertionError("both match where nothing is, too")
            end = following.end()
            yield block[before.start() : end]
            left -= 1
            if not left:
                return


def _is_right(word: bytes, name: EncodingName) -> bool:
    # What is usual gets the benefit of the doubt: a foreign letter, or a sign alone, speaks for no other encoding. A
    # sign may be what another encoding has for a foreign letter, though: where there is no letter, both are believed.
    is_usual = name == "windows-1252"
    try:
        foreign = is_usual or not _HAS_LETTER.search(word.decode("cp1252", errors="ignore"))
        return is_word(word.decode(CODECS[name]), foreign=foreign, signs=is_usual)
    except UnicodeDecodeError:
        return False


def _readings(words: list[bytes], right: Mapping[EncodingName, int]) -> str:
    """Say how a word would read in the likeliest encodings: one on which they differ, and the longest of these."""
    likely = sorted((name for name in right if right[name]), key=lambda name: -right[name])[:3]
    others: tuple[EncodingName, ...] = ("windows-1252", "macintosh") if likely else ("gb18030", "windows-1252")
    likely += [name for name in others if name not in likely][: max(0, 2 - len(likely))]
    telling = sorted(words, key=lambda word: (sum(_is_right(word, name) for name in likely), len(word)), reverse=True)
    word = telling[0] if telling else b""
    shown = [f"{_SHOWN[name]}: “{word.decode(CODECS[name], errors='replace')}”" for name in likely]
    names = ", ".join(likely)
    return (
        f"It is not certain how the accents are encoded. One word would read so: {'; '.join(shown)}. Save the file as"
        f" CSV UTF-8, or say which is right in `encoding` ({names})."
    )
