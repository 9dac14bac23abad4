# ruff: noqa: RUF001 - signs that look like others are what this file is about
"""An encoding is believed where it is certain; else people are asked, and see how a name would read."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.spreadsheets import encodings
from libs.spreadsheets.encodings import CODECS, EncodingName, find_encoding, has_few_accents, named_encoding
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.unreadable import Unreadable
from tests.unit.spreadsheets.records import A_FILE_EACH, refusal

HEAD = "name;phone;cpf;email;tags\r\n"
NAMES = (
    *("João", "José", "Luís", "LUÍS", "Gonçalves", "GONÇALVES", "Conceição", "CONCEIÇÃO", "Inês", "Mônica", "Ângela"),
    *("Antônio", "Íris", "Simões", "Camões", "MÁRCIO", "Cláudia", "Érica", "ÉRICA", "Luã", "Ação", "Irmãos", "Lêda"),
    *("Márcia", "Sérgio", "Tânia", "Ênio", "ANDRÉ", "Açaí", "Vovô", "Óscar", "Núñez", "Fátima", "Flávio", "Téo"),
    *("Müller", "Björn", "Zoë", "FitPro™", "D’Ávila", "Sant’Ana", "1º Lugar", "Café “Sol”", "Vendas – Sul"),
)
OTHERS: tuple[EncodingName, ...] = ("macintosh", "cp850", "cp860", "gb18030")


def written(folder: Path, names: list[str], codec: str) -> Path:
    path = folder / "upload"
    rows = [f"{name};1198123{number:04d};;;\r\n" for number, name in enumerate(names)]
    path.write_bytes("".join([HEAD, *rows]).encode(codec))
    return path


@pytest.mark.parametrize("name", NAMES)
def test_one_name_tells_that_a_file_is_windows_1252(tmp_path: Path, name: str) -> None:
    assert find_encoding(written(tmp_path, [name], "cp1252")) == "cp1252"


@pytest.mark.parametrize("name", ["Zé", "JOÇO"])
def test_a_name_that_reads_well_in_two_encodings_is_asked_about(tmp_path: Path, name: str) -> None:
    assert "DOS (cp850)" in refusal(find_encoding, written(tmp_path, [name], "cp1252")).detail


def encodable(name: str, encoding: EncodingName) -> bool:
    try:
        name.encode(CODECS[encoding])
    except UnicodeEncodeError:
        return False
    return not name.isascii()


@A_FILE_EACH
@given(encoding=st.sampled_from(OTHERS), data=st.data())
def test_names_in_another_encoding_are_never_stored_as_other_names(
    tmp_path: Path, encoding: EncodingName, data: st.DataObject
) -> None:
    possible = (
        ["李明", "王小红", "张伟"] if encoding == "gb18030" else [each for each in NAMES if encodable(each, encoding)]
    )
    names = data.draw(st.lists(st.sampled_from(possible), min_size=1, max_size=8))
    path = written(tmp_path, names, CODECS[encoding])
    try:
        found = find_encoding(path)
    except Unreadable as refused:
        assert refused.code == "file_encoding"
    else:
        # Letters for which both encodings have the same byte.
        assert path.read_bytes().decode(found) == path.read_bytes().decode(CODECS[encoding])
    read = read_spreadsheet(path, Limits(), FileOptions(encoding=encoding))
    assert [cells[0] for _, cells in read.rows] == names


@pytest.mark.parametrize(
    ("codec", "names"),
    [
        ("cp1254", ["Aydın Kaya", "Yılmaz Öztürk", "Sarı", "Altın"]),
        ("cp1250", ["Dvořák", "Kovář", "Mařík", "Růžička"]),
        ("cp1257", ["Žukauskaitė", "Jānis Bērziņš", "Kārlis", "Čapas"]),
        ("iso8859-2", ["Şerban", "Pană", "Ţepeş", "Brâncuşi"]),
    ],
)
def test_names_of_another_country_s_windows_are_asked_about(tmp_path: Path, codec: str, names: list[str]) -> None:
    assert refusal(find_encoding, written(tmp_path, names, codec)).code == "file_encoding"


@pytest.mark.parametrize(
    "names",
    [
        ["Müller", "Schröder", "Groß", "Jäger", "Böhm", "Köhler"],
        ["Renée", "Hélène", "François", "Zoë", "Jérôme", "Léa"],
        ["João", "José", "Luís", "Niccolò", "Søren", "Nový", "Hélène", "Márcia", "Antônio", "Conceição"],
    ],
)
def test_foreign_names_of_the_west_are_read(tmp_path: Path, names: list[str]) -> None:
    assert find_encoding(written(tmp_path, names, "cp1252")) == "cp1252"


@pytest.mark.parametrize("encoding", OTHERS)
def test_a_refusal_shows_how_a_name_would_read_and_what_to_do(tmp_path: Path, encoding: EncodingName) -> None:
    name = "李明" if encoding == "gb18030" else "Simão"
    refused = refusal(find_encoding, written(tmp_path, [name], CODECS[encoding]))
    assert f"“{name}”" in refused.detail
    assert "CSV UTF-8" in refused.detail
    assert encoding in refused.detail


def test_the_sign_of_an_ordinal_on_a_mac_is_not_believed_to_be_a_quotation_mark(tmp_path: Path) -> None:
    path = written(tmp_path, ["Profª Ana"], "mac_roman")
    assert "Prof» " not in path.read_bytes().decode("mac_roman")
    assert "“Profª”" in refusal(find_encoding, path).detail


def test_a_file_is_not_read_in_an_encoding_that_it_is_not_in(tmp_path: Path) -> None:
    path = written(tmp_path, ["João"], "cp1252")
    with pytest.raises(Unreadable, match="not encoded in utf-8"):
        read_spreadsheet(path, Limits(), FileOptions(encoding="utf-8"))


@pytest.mark.parametrize("named", ["windows-1252", *OTHERS])
@pytest.mark.parametrize("name", [*NAMES, "李明", "王小红", "张伟", "😀"])
def test_whatever_encoding_is_named_a_file_that_is_plainly_utf8_stores_no_other_names(
    tmp_path: Path, named: EncodingName, name: str
) -> None:
    """Every single byte decodes in some way: the rows were taken, and nobody was told."""
    path = written(tmp_path, [name, "Ana"], "utf-8")
    refused = refusal(lambda: read_spreadsheet(path, Limits(), FileOptions(encoding=named)))
    assert refused.code == "file_encoding"
    read = read_spreadsheet(path, Limits(), FileOptions(encoding="utf-8"))
    assert [cells[0] for _, cells in read.rows] == [name, "Ana"]


@pytest.mark.parametrize("named", ["windows-1252", *OTHERS])
def test_a_refusal_shows_how_a_name_would_read_in_the_encoding_that_was_named(
    tmp_path: Path, named: EncodingName
) -> None:
    path = written(tmp_path, ["Zé", "João da Conceição"], "utf-8")
    detail = refusal(named_encoding, path, named).detail
    misread = "Conceição".encode().decode(CODECS[named])
    assert f"not in {named}: one word would read “{misread}” instead of “Conceição”" in detail


@pytest.mark.parametrize("name", ["一", "Rua 一", "茂", "没"])
def test_few_letters_of_chinese_that_could_be_utf8_are_read_as_they_are_named(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, [name], "gb18030")
    path.read_bytes().decode("utf-8")
    read = read_spreadsheet(path, Limits(), FileOptions(encoding="gb18030"))
    assert [cells[0] for _, cells in read.rows] == [name]


@pytest.mark.parametrize("codec", ["cp1252", "ascii", "utf-8"])
def test_a_named_encoding_is_looked_at_in_a_pass_or_two(
    tmp_path: Path, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, ["Ana" if codec == "ascii" else "João"] * 100_000, codec)
    looked_at = 0
    blocks = encodings._blocks

    def counted(path: Path) -> Iterator[bytes]:
        nonlocal looked_at
        for block in blocks(path):
            looked_at += len(block)
            yield block

    monkeypatch.setattr(encodings, "_blocks", counted)
    with suppress(Unreadable):
        named_encoding(path, "windows-1252")
    assert looked_at <= 2 * path.stat().st_size


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("named", [None, "utf-16"])
def test_utf_16_is_read_with_and_without_a_mark_whether_it_is_named_or_not(
    tmp_path: Path, codec: str, named: EncodingName | None
) -> None:
    read = read_spreadsheet(written(tmp_path, ["João"], codec), Limits(), FileOptions(encoding=named))
    assert [cells[0] for _, cells in read.rows] == ["João"]


@pytest.mark.parametrize("named", CODECS)
@pytest.mark.parametrize(
    "content", [HEAD.encode() + b"Jo\xe3o;11981230000;;;\r\n", "李明;王小红".encode("utf-16-le"), b"a"]
)
def test_whatever_encoding_is_named_a_file_is_read_or_refused(
    tmp_path: Path, named: EncodingName, content: bytes
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(content)
    try:
        assert list(read_spreadsheet(path, Limits(), FileOptions(encoding=named)).rows)
    except Unreadable as refused:
        assert refused.code in {"file_encoding", "file_headers", "file_not_spreadsheet"}
    if named == "utf-16":
        assert refusal(lambda: read_spreadsheet(path, Limits(), FileOptions(encoding=named))).code == "file_encoding"


@pytest.mark.parametrize(("others", "codec"), [("cp1252", "utf-8"), ("utf-8", "cp1252"), ("utf-8", "mac_roman")])
@pytest.mark.parametrize("rows", [1, 5, 300])
def test_a_few_rows_in_another_encoding_refuse_a_file(tmp_path: Path, others: str, codec: str, rows: int) -> None:
    path = tmp_path / "upload"
    path.write_bytes(
        HEAD.encode() + "Inês;11981230000;;;\r\n".encode(codec) + "João;11981230001;;;\r\n".encode(others) * rows
    )
    assert "Some rows are encoded in UTF-8" in refusal(find_encoding, path).detail


@pytest.mark.parametrize(("names", "few"), [(["Ana"], True), (["João"] * 9, True), (list(NAMES[:5]), False)])
def test_few_words_with_accents_tell_little(tmp_path: Path, names: list[str], few: bool) -> None:
    assert has_few_accents(written(tmp_path, names, "cp1252")) is few
