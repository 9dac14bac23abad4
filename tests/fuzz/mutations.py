"""Changes of files that get past their packing: an archive's parts are changed, and packed again."""

import io
import random
import zipfile
from collections.abc import Callable

import olefile
from xlwt.CompoundDoc import XlsDoc

Change = Callable[[bytes], bytes]

_LONGEST = 100_000
_PACKED = 0.1
"""The share of archives that are changed as bytes, packing and all."""

TOKENS: dict[str, tuple[bytes, ...]] = {
    "csv": (
        *(
            b'"',
            b'""',
            b",",
            b";",
            b"\t",
            b"\n",
            b"\r\n",
            b"\r",
            b"sep=;\n",
            b'="1"',
            b'; "',
            b"'",
            b"\0",
            b"\xff",
            b"\xe9",
        ),
        *(b"\xc3\xa3", b"\xef\xbb\xbf", b"\xff\xfe", b"name;phone;cpf;email;tags\n", b"#N/A", b"+", b"(11) 91234-5678"),
        *(b"5,51E+12", b"\xe2\x80\x8b", b"\xc2\xa0", b"\xe2\x80\xa8", b"\x1b", b"'=1+1", b"52998224725"),
    ),
    "xlsx": (
        *(b"<c/>", b'<c r="A2">', b"</c>", b'<row r="2">', b"</row>", b' t="s"', b' t="e"', b' t="str"', b' t="b"'),
        *(b' t="inlineStr"', b' t="d"', b"<v>", b"</v>", b"<v/>", b"<f>", b"</f>", b"<f/>", b"<is><t>", b"</t></is>"),
        *(
            b"<![CDATA[",
            b"]]>",
            b"<!--",
            b"-->",
            b"_x000D_",
            b"&amp;",
            b"&#0;",
            b"&#x1F600;",
            b"-1",
            b"1E+20",
            b' s="1"',
        ),
        *(
            b' xml:space="preserve"',
            b"<r><t>",
            b"</t></r>",
            b"<rPh>",
            b"</rPh>",
            b"<si>",
            b"</si>",
            b"x:",
            b"XFD1048576",
        ),
        *(b' state="hidden"', b"<?x?>", b"\xef\xbb\xbf", b"encoding='utf-16'", b"\n"),
    ),
    "xlsb": (
        b"\x00",
        b"\xff",
        b"\x80",
        b"\x03",
        b"\x07\x09",
        b"\x00\x19",
        b"\xff\xff\xff\x7f",
        b"\x9c\x01",
        b"\x94\x01",
    ),
    "xls": (
        *(b"\x09\x08\x10\x00", b"\x0a\x00\x00\x00", b"\x05\x02\x08\x00", b"\x06\x00", b"\xff\xff", b"\xfd\x00\x0a\x00"),
        *(b"\x00\x00", b"\x85\x00", b"\x3c\x00", b"\x18\x00", b"\x42\x00", b"\x00\x80"),
    ),
    "multipart": (
        *(
            b"--XX",
            b"--XX--",
            b"\r\n",
            b"\r\n\r\n",
            b"\n",
            b'name="file"',
            b'name="data"',
            b'filename="a.csv"',
            b";",
            b'"',
        ),
        *(
            b"filename*=UTF-8''a%CC%83.csv",
            b"Content-Disposition: form-data; ",
            b"Content-Type: text/csv",
            b"\\",
            b"\0",
        ),
        *(
            b"%",
            b"''",
            b"\xff",
            b"a\xcc\x83",
            b"{",
            b"}",
            b'"name":',
            b"null",
            b"1e999",
            b"\\ud800",
            b"Content-Length: 1",
        ),
    ),
}
"""What a format is made of, by target."""


def byte_changes(kind: str, chance: random.Random) -> Change:
    """Return a change of a few places of a text or stream, for where there is no libFuzzer to choose better ones."""

    def change(content: bytes) -> bytes:
        found = bytearray(content)
        for _ in range(chance.choice((1, 1, 2, 4))):
            at = chance.randrange(len(found) + 1)
            end = min(len(found), at + chance.choice((1, 2, 8, 40)))
            deed = chance.randrange(5)
            if deed == 0:
                found[at:at] = chance.choice(TOKENS[kind])
            elif deed == 1:
                found[at:end] = chance.choice(TOKENS[kind])
            elif deed == 2:
                del found[at:end]
            elif deed == 3:
                found[at:at] = found[at:end] * chance.choice((1, 1, 3, 50))
            elif at < len(found):
                found[at] = chance.randrange(256)
        return bytes(found[:_LONGEST])

    return change


def mutated_text(content: bytes, change: Change, seed: int) -> bytes:
    """Change the bytes as they are."""
    return change(content)


def mutated_archive(content: bytes, change: Change, seed: int) -> bytes:
    """Change one part of an archive, or the archive itself now and then. The parts are stored, not packed."""
    chance = random.Random(seed)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = [(info.filename, archive.read(info)) for info in archive.infolist() if info.file_size <= _LONGEST]
    except Exception:  # noqa: BLE001 - zipfile raises many, and all say that this is no archive
        return change(content)
    if not parts or chance.random() < _PACKED:
        return change(content)
    # The sheet and its texts are where values are lost; the other parts are looked at by few lines.
    weights = [6 if "sheet" in name or "strings" in name.lower() else 1 for name, _ in parts]
    (at,) = chance.choices(range(len(parts)), weights)
    parts[at] = parts[at][0], change(parts[at][1])
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, part in parts:
            archive.writestr(zipfile.ZipInfo(name), part)
    return written.getvalue()


def mutated_ole(content: bytes, change: Change, seed: int) -> bytes:
    """Change the workbook's stream of an OLE2 file, in a new one; or the file itself now and then.

    olefile could write into the old one, but follows sectors that refer to each other in a circle without end.
    """
    chance = random.Random(seed)
    if chance.random() < _PACKED:
        return change(content)
    written = io.BytesIO()
    try:
        with olefile.OleFileIO(io.BytesIO(content)) as ole:
            name = next(name for name in ("Workbook", "Book") if ole.exists(name))
            stream = ole.openstream(name).read()
        XlsDoc().save(written, change(stream))
    except Exception:  # noqa: BLE001 - olefile raises many, and all say that this is no such file
        return change(content)
    return written.getvalue()
