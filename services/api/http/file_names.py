"""What an uploaded file is called, of what its client wrote down: pure."""

import re
import unicodedata
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import parse_options_header

from libs.fields.text import with_few_marks

MAX_FILE_NAME = 255
_PARAMETER = re.compile(rb';[ \t]*([^\s;="]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_EXTENDED = re.compile(rb"([^']+)'[^']*'(.*)", re.DOTALL)
_CHARSETS = {"utf-8", "iso-8859-1"}
"""Those that RFC 8187 and the one before it (5987) know. Python would decode by any, ``unicode_escape`` among them."""
_NOT_OF_A_NAME = re.compile(r"[^\w .()\[\]&+,@-]")


def with_plain_file_name(disposition: bytes) -> bytes:
    """Return a part's Content-Disposition with a plain ``filename`` where it has ``filename*`` alone.

    No client should send that in a form (RFC 7578, section 4.2), but some do, and what they send is a file. Where its
    name cannot be read, the file has none.
    """
    if b"filename*" not in disposition or b"filename" in parse_options_header(disposition)[1]:
        return disposition
    for key, value in _PARAMETER.findall(disposition):
        if key.lower() == b"filename*":
            name = _extended(value.strip(b' \t"')).replace("\\", "\\\\").replace('"', '\\"')
            return disposition + b'; filename="' + name.encode() + b'"'
    return disposition


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
