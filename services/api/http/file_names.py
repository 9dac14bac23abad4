"""What an uploaded file is called, of what its client wrote down: pure."""

import binascii
import quopri
import re
import unicodedata
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import parse_options_header

from libs.fields.text import with_few_marks

MAX_FILE_NAME = 255
_PARAMETER = re.compile(rb';[ \t]*([^\s;="]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_EXTENDED = re.compile(rb"([^']+)'[^']*'(.*)", re.DOTALL)
_WORD = re.compile(rb"=\?([\w-]+)(?:\*[\w-]*)?\?([bBqQ])\?([^?\s]*)\?=")
_BETWEEN_WORDS = re.compile(rb"(?<=\?=)[ \t]+(?==\?)")
_CHARSETS = {"utf-8", "iso-8859-1"}
"""Those that RFC 8187 and the one before it (5987) know. Python would decode by any, ``unicode_escape`` among them."""
_NOT_OF_A_NAME = re.compile(r"[^\w .()\[\]&+,@-]")


def with_plain_file_name(disposition: bytes) -> bytes:
    """Return a part's Content-Disposition with a plain ``filename`` that says what ``filename*`` or encoded words do.

    No client should send either in a form (RFC 7578, section 4.2), but some do, and what they send is a file. Whoever
    sends ``filename*`` beside a plain name means the first (RFC 6266, section 4.3): .NET writes the plain one in words
    of mail (RFC 2047), whose letters may be strokes of a folder. Where a name cannot be read, the plain one stays as it
    is, and a file without that has none.
    """
    name = _extended_name(disposition)
    plain = parse_options_header(disposition)[1].get(b"filename")
    if not name and plain is not None:
        name = _of_words(plain)
    if name is None:
        return disposition
    quoted = name.replace("\\", "\\\\").replace('"', '\\"').encode()
    return disposition + b'; filename="' + quoted + b'"'  # of two that are called the same, the last one counts


def _extended_name(disposition: bytes) -> str | None:
    """Return what ``filename*`` says, empty where that cannot be read; None where there is none."""
    if b"*" not in disposition:
        return None
    values = (value for key, value in _PARAMETER.findall(disposition) if key.lower() == b"filename*")
    return next((_extended(value.strip(b' \t"')) for value in values), None)


def _of_words(plain: bytes) -> str | None:
    """Return a name with its encoded words read; None where it has none that can be."""
    read = _WORD.sub(_word, _BETWEEN_WORDS.sub(b"", plain))
    return read.decode("utf-8", "replace") if read != plain else None


def _word(found: re.Match[bytes]) -> bytes:
    charset, encoding, text = found[1].decode().lower(), found[2].lower(), found[3]
    if charset not in _CHARSETS:
        return found[0]
    try:
        plain = binascii.a2b_base64(text) if encoding == b"b" else quopri.decodestring(text, header=True)
    except binascii.Error:
        return found[0]
    return plain.decode(charset, "replace").encode()


def _extended(value: bytes) -> str:
    """Decode what RFC 8187 calls an extended value: ``UTF-8''Jo%C3%A3o.csv``. Empty where it is none."""
    parts = _EXTENDED.fullmatch(value)
    charset = parts[1].decode("ascii", "replace").lower() if parts else ""
    return unquote_to_bytes(parts[2]).decode(charset, "replace") if parts and charset in _CHARSETS else ""


def clean_name(name: str | None) -> str | None:
    """Return a file's name without its folders and what may do harm where it is shown, in NFC; None for an empty one.

    A Mac takes accents and their letters apart. An accent alone is no letter: it would be taken out.
    """
    whole = unicodedata.normalize("NFC", with_few_marks(name or ""))
    cleaned = _NOT_OF_A_NAME.sub("", whole.replace("\\", "/").rsplit("/", 1)[-1])
    return cleaned.strip()[:MAX_FILE_NAME] or None
