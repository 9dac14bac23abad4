"""Columns are found by what the caller says and by words in either language."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libs.spreadsheets.columns import (
    ALIASES,
    LONGEST_HEADER,
    REPORT_COLUMNS,
    Columns,
    header_key,
    header_told,
    mapped_columns,
)
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.unreadable import Unreadable
from services.api.accepting.domain.request import ImportOptions
from tests.unit.spreadsheets.workbooks import write_xls, write_xlsx

MAPPED = FileOptions(columns="mapped")


def found(*headers: str, **mapping: str | None) -> Columns:
    return mapped_columns(headers, FileOptions(columns="mapped", mapping=mapping))


def read(path: Path, content: str, options: FileOptions = MAPPED) -> tuple[Columns, list[tuple[int, list[str]]]]:
    path.write_bytes(content.encode())
    spreadsheet = read_spreadsheet(path, Limits(), options)
    return spreadsheet.columns, [(number, spreadsheet.columns.five(cells)) for number, cells in spreadsheet.rows]


@pytest.mark.parametrize(("field", "word"), [(field, word) for field, words in ALIASES.items() for word in words])
def test_every_word_names_its_field(field: str, word: str) -> None:
    columns = found("???", word.upper())
    assert columns.places == tuple(1 if name == field else None for name in FILE_COLUMNS)


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("  E-Mail ", "email"),
        ("e_mail", "email"),
        ("NÚMERO  DE\u00a0WHATSAPP", "phone"),
        ("Razão Social", "name"),
        ("CPF/CNPJ", "cpf"),
        ("Rótulos:", "tags"),
        ("\ufeffNome", "name"),
    ],
)
def test_words_are_compared_without_case_accents_blanks_and_punctuation(header: str, field: str) -> None:
    assert found(header).field_of(0) == field


def test_the_number_of_a_house_is_no_phone() -> None:
    assert found("Nome", "Endereço", "Número").missing == ["phone"]


def test_no_word_names_two_fields() -> None:
    words = [header_key(word) for words in ALIASES.values() for word in words]
    assert len(words) == len(set(words))


def test_a_mobile_goes_before_a_landline_wherever_it_stands() -> None:
    assert found("Telefone", "Nome", "Celular").places[:2] == (1, 2)


def test_what_the_caller_says_goes_before_words() -> None:
    columns = found("Nome", "Celular", "Contato do financeiro", **{"contato do FINANCEIRO": "phone", "Nome": "name"})
    assert columns.places[:2] == (0, 2)
    assert columns.left_out(("Nome", "Celular", "Contato do financeiro")) == ["Celular"]


def test_a_column_that_is_mapped_to_nothing_holds_nothing() -> None:
    columns = found("Nome", "Telefone", "CPF", CPF=None)
    assert columns.places == (0, 1, None, None, None)
    assert columns.missing == []


def test_a_mapping_that_does_not_fit_is_told() -> None:
    columns = found("a", "b", x="name", a="phone", b="phone")
    assert (columns.unknown, columns.repeated) == (("x",), ("phone",))


def test_required_fields_without_a_column_are_missing() -> None:
    assert found("E-mail", "CPF").missing == ["name", "phone"]


def test_of_equal_headers_the_first_is_meant() -> None:
    assert found("Telefone", "Telefone", "Nome").places[:2] == (2, 0)


@pytest.mark.parametrize(
    ("headers", "header", "place"),
    [
        (("Nome", "Celular", "Valor", "Valor %"), "Valor %", 3),
        (("Nome", "Celular", "Valor", "Valor %"), "Valor", 2),
        (("Nome", "Celular", "Valor (R$)", "Valor (r)"), "Valor (r)", 3),
        (("#", "Nome", "Celular", "%"), "%", 3),
        (("👤", "📞", "Nome"), "📞", 1),
        (("Nome", "Celular", "E-MAIL:", "e-mail"), " e-mail ", 3),
        (("Nome", "Celular", "", "Valor"), "", 2),
        (("Nome", "Celular", "Valor", "VALOR"), "valor", 2),
    ],
)
def test_a_mapping_means_the_column_that_is_named_as_it_says_before_those_that_are_named_alike(
    headers: tuple[str, ...], header: str, place: int
) -> None:
    """Signs alone tell the columns of an amount and of its percentage apart."""
    assert found(*headers, **{header: "custom:x"}).more == (("custom:x", place),)


@pytest.mark.parametrize(
    ("headers", "header", "place"),
    [
        (("Nome", "Celular", "Valor", "Valor "), "Valor ", 3),
        (("Nome", "Celular", "Valor", "Valor "), "Valor", 2),
        (("Nome", "Celular", " Valor", "Valor"), "Valor", 3),
        (("Nome", "Celular", " Valor", "Valor"), " Valor", 2),
        (("Nome", "Celular", "Valor\u00a0", "Valor"), "Valor", 3),
        (("Nome", "Celular", " Valor", "Valor "), "Valor", 2),
        (("Nome", "Celular", "VALOR", "Valor\t"), "Valor", 3),
    ],
)
def test_blanks_alone_tell_columns_apart(headers: tuple[str, ...], header: str, place: int) -> None:
    assert found(*headers, **{header: "custom:x"}).more == (("custom:x", place),)


@pytest.mark.parametrize(
    ("headers", "mapping", "unknown"),
    [
        (("Valor",), {"Valor": "custom:valor", "Valor %": "custom:percent"}, "Valor %"),
        (("Valor",), {"Valor %": "custom:percent", "Valor": "custom:valor"}, "Valor %"),
        (("Valor",), {"Valor": None, "Valor %": "custom:percent"}, "Valor %"),
        (("Valor",), {"Valor %": "custom:percent", "Valor": None}, "Valor %"),
        (("Valor ",), {"Valor": None, "VALOR": "custom:x"}, "VALOR"),
        (("Valor ",), {"VALOR": "custom:x", "Valor": None}, "VALOR"),
        (("Valor",), {"valor": "custom:x", "VALOR": "custom:y"}, "VALOR"),
        (("Valor",), {"valor": "custom:x", "VALOR": None}, "valor"),
        (("Valor", "Valor:"), {"valor": "custom:x", "VALOR": "custom:y"}, "VALOR"),
        (("Valor", "Valor"), {"Valor": "custom:x", "VALOR": "custom:y"}, "VALOR"),
        (("Valor",), {"Valor": "custom:x", "valor": "custom:x"}, "valor"),
        (("cpf", "email", "tags"), {"tags": "tags", "TAGS": "notes"}, "TAGS"),
    ],
)
def test_a_column_that_one_name_means_is_not_what_another_one_means(
    headers: tuple[str, ...], mapping: dict[str, str | None], unknown: str
) -> None:
    """An amount is no percentage, and a column that somebody left out is not stored under another name."""
    columns = found("Nome", "Celular", *headers, **mapping)
    assert (columns.unknown, columns.repeated) == ((unknown,), ())


@pytest.mark.parametrize(
    ("headers", "mapping", "places"),
    [
        (("Valor", "VALOR"), {"valor": "custom:x", "Valor": "custom:y"}, {"custom:y": 2, "custom:x": 3}),
        (("VALOR", "Valor "), {"valor": "custom:x", "Valor": "custom:y"}, {"custom:x": 2, "custom:y": 3}),
        (("Valor", "Valor %"), {"VALOR": "custom:x", "Valor": None}, {"custom:x": 3}),
    ],
)
def test_a_name_means_a_column_alike_that_no_other_name_says_better(
    headers: tuple[str, ...], mapping: dict[str, str | None], places: dict[str, int]
) -> None:
    columns = found("Nome", "Celular", *headers, **mapping)
    assert (dict(columns.more), columns.unknown) == (places, ())


@pytest.mark.parametrize(
    ("headers", "mapping", "places"),
    [
        (("Nome", "Celular", "E-mail", "E-mail"), {"E-mail": None}, (0, 1, None, None, None)),
        (("Nome", "Celular", "E-mail", "E-mail"), {"e-mail": None}, (0, 1, None, None, None)),
        (("Nome", "Celular", "E-mail", "E-mail"), {"E-mail": "notes"}, (0, 1, None, None, None)),
        (("Nome", "Celular", "E-mail", "E-mail"), {"E-mail": "email"}, (0, 1, None, 2, None)),
        (("Nome", "Telefone", "Telefone"), {"Telefone": None}, (0, None, None, None, None)),
        (("Nome", "Telefone", "Celular", "Telefone"), {"Telefone": None}, (0, 2, None, None, None)),
        (("Nome", "Celular", "E-mail", "e-mail"), {"E-mail": None}, (0, 1, None, 3, None)),
    ],
)
def test_a_header_that_the_mapping_names_is_no_word_for_a_further_column_under_it(
    headers: tuple[str, ...], mapping: dict[str, str | None], places: tuple[int | None, ...]
) -> None:
    assert found(*headers, **mapping).places == places


@example(["E-mail", "e-mail"], {"E-mail": None})
@example(["e-mail", "E-mail", "E-mail"], {"E-mail": None})
@given(
    headers=st.lists(
        st.sampled_from(["Valor", "VALOR", " Valor", "valor ", "Valor %", "E-mail", "e-mail", "Fone", "Fone "]),
        max_size=4,
    ),
    mapping=st.dictionaries(
        st.sampled_from(
            ["Valor", "valor", "VALOR", " Valor", "Valor ", "Valor%", "E-mail", "E-MAIL", "e-mail", "Fone"]
        ),
        st.sampled_from([None, "custom:a", "custom:b", "notes", "email", "tags"]),
    ),
)
def test_a_mapping_fits_the_report_of_the_file_that_it_fits(headers: list[str], mapping: dict[str, str | None]) -> None:
    """A report has the columns of fields alone: a name that is mapped to nothing takes none of them."""
    titles = ["Nome", "Celular", *headers]
    columns = found(*titles, **mapping)
    if columns.unknown or columns.repeated:
        return
    held = [header_told(title) for place, title in enumerate(titles) if columns.field_of(place)]
    of_report = found(*held, *REPORT_COLUMNS, **mapping)
    assert (of_report.unknown, of_report.repeated) == ((), ())
    assert [of_report.field_of(place) for place in range(len(held))] == [
        columns.field_of(place) for place in range(len(titles)) if columns.field_of(place)
    ]


def test_with_a_further_column_a_file_is_not_the_five() -> None:
    assert not Columns((0, 1, 2, 3, 4), 5, more=(("notes", 4),)).are_the_five


def test_a_sign_is_no_other_sign() -> None:
    assert found("#", "Nome", "Celular", **{"%": "custom:x"}).unknown == ("%",)


titles = st.text(max_size=4) | st.sampled_from(
    [" Valor", "Valor ", "x" * 254 + " y", "x" * 300, " " * 300 + "Valor", "Va\x00lor", "\ud800", "\n", "'=1"]
)


@given(headers=st.lists(titles, min_size=1, max_size=6), data=st.data())
def test_a_column_is_found_by_what_is_told_of_it(headers: list[str], data: st.DataObject) -> None:
    """A preview tells a column's header, and a mapping takes no other."""
    told = list(map(header_told, headers))
    place = data.draw(st.integers(0, len(headers) - 1))
    ImportOptions(account_id=1, columns="mapped", mapping={told[place]: "custom:x"})
    assert found(*headers, **{told[place]: "custom:x"}).more == (("custom:x", told.index(told[place])),)


def test_columns_may_stand_in_any_order_with_others_between_them(tmp_path: Path) -> None:
    columns, rows = read(tmp_path / "upload", "Cidade;E-mail;Nome;Celular\nSantos;a@b.co;Ana;11912345678\n;;Rui;1;x\n")
    assert columns.places == (2, 3, None, 1, None)
    assert rows[0] == (2, ["Ana", "11912345678", "", "a@b.co", ""])
    assert (rows[1][0], len(rows[1][1]) > len(FILE_COLUMNS)) == (3, True)  # more cells than the header


@pytest.mark.parametrize("width", [2, 3, 7])
def test_a_row_with_too_many_cells_has_them_whatever_the_header_s_width(tmp_path: Path, width: int) -> None:
    header = ["Nome", "Fone", *(f"x{at}" for at in range(width - 2))]
    _, rows = read(tmp_path / "upload", f"{','.join(header)}\n{','.join('1' * (width + 1))}\n{','.join('1' * width)}\n")
    assert [len(cells) > len(FILE_COLUMNS) for _, cells in rows] == [True, False]


def test_the_separator_is_found_by_words_of_either_language(tmp_path: Path) -> None:
    columns, rows = read(tmp_path / "upload", "Nome, completo;Celular\nSilva, Ana;11912345678\n")
    assert columns.missing == []
    assert rows == [(2, ["Silva, Ana", "11912345678", "", "", ""])]


def test_the_separator_is_the_one_that_the_caller_names(tmp_path: Path) -> None:
    options = FileOptions(columns="mapped", delimiter="|")
    assert read(tmp_path / "upload", "Nome|Fone\nA,b|1\n", options)[1] == [(2, ["A,b", "1", "", "", ""])]


def test_a_name_of_two_lines_is_one_cell_of_a_wide_file(tmp_path: Path) -> None:
    text = 'a,b,c,d,e,f,Nome,Fone\n1,2,3,4,5,6,"Ana\nLima",1\n'
    assert read(tmp_path / "upload", text)[1] == [(2, ["Ana\nLima", "1", "", "", ""])]


REPORT = '"name","phone","cpf","email","tags","row","outcome","reason"\n"Ana\nLima",1,,,,17,error,"Not a phone."\n'


def test_a_report_of_ours_is_read_as_the_file_that_it_is_of(tmp_path: Path) -> None:
    columns, rows = read(tmp_path / "upload", REPORT, FileOptions())
    assert (columns.is_report, columns.are_the_five, columns.own_width) == (True, True, 5)
    assert rows == [(2, ["Ana\nLima", "1", "", "", ""])]


@pytest.mark.parametrize("kind", ["xlsx", "xls"])
def test_the_sheet_that_is_named_is_read_and_one_that_does_not_exist_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "upload"
    if kind == "xls":
        write_xls(path, {})
    else:
        write_xlsx(path, sheets={"Capa": "visible", "Velha": "hidden", "Leads": "visible"})
    assert read_spreadsheet(path, Limits(), FileOptions(sheet="Leads")).headers == list(FILE_COLUMNS)
    source = read_spreadsheet(path, Limits(), FileOptions(sheet="Leads")).source
    assert (source.sheet, source.sheets) == ("Leads", ("Leads",) if kind == "xls" else ("Capa", "Leads"))
    for missing in ("Outra", "Velha"):
        with pytest.raises(Unreadable) as refused:
            read_spreadsheet(path, Limits(), FileOptions(sheet=missing))
        assert refused.value.code == "sheet_not_found"


def test_a_text_file_has_no_sheets(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="sheet_not_found"):
        read(tmp_path / "upload", REPORT, FileOptions(sheet="Leads"))


def test_a_title_of_letters_that_are_many_is_compared_by_as_many_as_any_other() -> None:
    """A file may have sixteen thousand titles, and a letter eighteen of its own."""
    assert len(header_key("\ufdfa" * LONGEST_HEADER)) <= LONGEST_HEADER
    assert header_key("\u1e17" * LONGEST_HEADER) == header_key("\u1e17" * 1_000)
