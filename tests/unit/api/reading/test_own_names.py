"""What is stored in a field of the company's own is what its label says, whichever columns stand where."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.fields.custom_values import KEY, OwnField
from libs.fields.more_fields import CUSTOM
from services.api.reading.domain.own_names import key_of
from tests.unit.api.reading.test_kept_columns import previewed, run, values_of
from tests.unit.spreadsheets.records import A_FILE_EACH

BY_WHATSAPP = "Você autoriza o envio de mensagens e ofertas da nossa empresa por WhatsApp?"
BY_EMAIL = "Você autoriza o envio de mensagens e ofertas da nossa empresa por e-mail?"
GRID = "Como você avalia os seguintes aspectos do nosso atendimento?"
AREAS = tuple(f"{GRID} [{what}]" for what in ("Recepção", "Limpeza", "Preço"))


def stored(folder: Path, headers: Sequence[str], own: list[OwnField], **options: Any) -> dict[str, Any]:
    """Read a file with these columns, each cell of which says its column's header; return what is stored by field.

    The fields that it makes are then the company's.
    """
    cells = ";".join(f"of {header}" for header in headers)
    result, (chunk,) = run(folder, ";".join(headers), [cells], own=own, **options)
    assert result.left_out == []
    own += result.new_fields
    assert len({field.key for field in own}) == len(own)
    return {field: value for field, (value,) in values_of(chunk).items()}


def key_of_an_earlier_version(header: str) -> str:
    """Return the key that a long header got before: cut, and without a hash."""
    plain = unicodedata.normalize("NFKD", header).casefold().encode("ascii", "ignore").decode()
    return "_".join("".join(sign if sign.isalnum() else " " for sign in plain).split())[:58].rstrip("_")


PAIRS = [
    (BY_WHATSAPP, BY_EMAIL),
    AREAS[:2],
    ("Q11", "Q1.1"),
    ("11", "1.1"),
    ("Valor", "Valor %"),
    ("valor", "valor %"),
    ("Pontos (+)", "Pontos (-)"),
    ("Idade (年)", "Idade (月)"),
    ("Оценка A", "Цена A"),
    ("Цена A", "A"),
    ("Мой", "Мои"),
    ("かく", "がく"),
    ("m²", "m2"),
    ("Nº", "No"),
    ("Notes", "Notes %"),
    ("First name", "First name?"),
]
EACH_WAY = PAIRS + [(second, first) for first, second in PAIRS]


@pytest.mark.parametrize(("first", "second"), EACH_WAY)
def test_a_column_is_not_stored_in_the_field_of_another_label(tmp_path: Path, first: str, second: str) -> None:
    own: list[OwnField] = []
    both = stored(tmp_path, [first], own) | stored(tmp_path, [second], own)
    assert sorted(both.values()) == sorted([f"of {first}", f"of {second}"])
    # And once there are fields for both, each has its own, in whatever order.
    for headers in ([first, second], [second, first], [second], [first]):
        assert stored(tmp_path, headers, own) == {
            key: value for key, value in both.items() if value.removeprefix("of ") in headers
        }


@pytest.mark.parametrize(("first", "second"), EACH_WAY)
def test_columns_of_two_labels_make_the_same_two_fields_in_whichever_order(
    tmp_path: Path, first: str, second: str
) -> None:
    """Corrections name a column by its field's key: an order that changed keys would move them to another column."""
    found = stored(tmp_path, [first, second], [])
    assert sorted(found.values()) == sorted([f"of {first}", f"of {second}"])
    assert stored(tmp_path, [second, first], []) == found


@pytest.mark.parametrize(("label", "other"), EACH_WAY)
def test_a_field_that_an_earlier_version_made_is_found_by_its_header_and_by_no_other(
    tmp_path: Path, label: str, other: str
) -> None:
    own = [OwnField(key_of_an_earlier_version(label) or "field_0", label, "string")]
    field = CUSTOM + own[0].key
    for headers in ([label], [other, label], [label, other]):
        assert stored(tmp_path, headers, own)[field] == f"of {label}"
    assert field not in stored(tmp_path, [other], own[:1])


def test_all_rows_of_a_forms_grid_are_kept_and_found_again_in_another_order(tmp_path: Path) -> None:
    own: list[OwnField] = []
    found = stored(tmp_path, AREAS, own)
    assert [field.label for field in own] == list(AREAS)
    assert stored(tmp_path, AREAS[::-1], own) == found
    assert stored(tmp_path, AREAS[1:], own) == dict(list(found.items())[1:])
    assert len(own) == len(AREAS)


@pytest.mark.parametrize("header", ["CONVÊNIO", "convenio", " Convênio ", "Conve\u0302nio", "custom.convenio"])
def test_case_accents_and_blanks_around_it_make_no_other_label(tmp_path: Path, header: str) -> None:
    own = [OwnField("convenio", "Convênio", "string")]
    result, (chunk,) = run(tmp_path, header, ["Sol"], own=own)
    assert (result.new_fields, values_of(chunk)) == ([], {"custom:convenio": ["Sol"]})


@pytest.mark.parametrize("headers", ["CONVENIO;Convênio", "Convênio;CONVENIO"])
def test_the_column_that_says_the_label_just_so_has_the_field_wherever_it_stands(tmp_path: Path, headers: str) -> None:
    own = [OwnField("convenio", "Convênio", "string")]
    cells = headers.replace(";", " x;") + " x"
    result, (chunk,) = run(tmp_path, headers, [cells], own=own)
    assert (result.left_out, values_of(chunk)) == (["CONVENIO"], {"custom:convenio": ["Convênio x"]})


@pytest.mark.parametrize("header", ["orcamento", "Orçamento", "ORCAMENTO", "custom:orcamento"])
def test_a_key_that_is_not_left_of_its_label_names_its_field(tmp_path: Path, header: str) -> None:
    own = [OwnField("orcamento", "Verba (R$)", "string")]
    result, (chunk,) = run(tmp_path, header, ["x"], own=own)
    assert (result.new_fields, values_of(chunk)) == ([], {"custom:orcamento": ["x"]})
    result, (chunk,) = run(tmp_path, f"{header};Verba (R$)", ["x;y"], own=own)
    assert values_of(chunk) == {"custom:orcamento": ["x" if "custom" in header else "y"]}
    assert result.left_out == ["Verba (R$)" if "custom" in header else header]


def test_a_field_with_the_label_of_a_leads_own_goes_before_it(tmp_path: Path) -> None:
    own = [OwnField("cargo", "Job title", "string")]
    assert stored(tmp_path, ["Job title"], own) == {"custom:cargo": "of Job title"}


def test_a_preview_tells_of_the_fields_that_the_import_makes(tmp_path: Path) -> None:
    """Of two columns one of which is left out each, so that the same file may be told of in two ways."""
    for mapping in ({}, {BY_WHATSAPP: None}, {BY_EMAIL: None}):
        options: dict[str, Any] = {"mapping": mapping, "on_invalid_row": "skip"}
        result, _ = run(tmp_path, f"{BY_WHATSAPP};{BY_EMAIL};Valor;Valor %", ["não;sim;1;2"], **options)
        assert [field.label for field in result.new_fields] == [
            label for label in (BY_WHATSAPP, BY_EMAIL, "Valor", "Valor %") if label not in mapping
        ]
    shown = previewed(tmp_path)
    assert {header: shown[header] for header in (BY_WHATSAPP, BY_EMAIL, "Valor", "Valor %")} == {
        BY_WHATSAPP: ("boolean", True),
        BY_EMAIL: ("boolean", True),
        "Valor": ("number", True),
        "Valor %": ("number", True),
    }


WORDS = ("Valor", "Preço", "Você autoriza o envio", "Q1", "1", "A", "Цена", "Оценка", "年", "月", "Мой", "Мои")
SIGNS = (" ", "", ".", " % ", "? ", " (+) ", " (-) ", "-")
LABELS = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SIGNS)), min_size=1, max_size=8).map(
    lambda parts: "".join(map("".join, parts)).strip()
)
WRITTEN = st.sampled_from(
    (
        str,
        str.upper,
        str.casefold,
        " {}\u00a0".format,
        lambda label: unicodedata.normalize("NFD", label).replace("\u0327", "").replace("\u0302", ""),
    )
)


@A_FILE_EACH
@given(
    earlier=st.lists(LABELS, max_size=3),
    files=st.lists(st.dictionaries(LABELS, WRITTEN, min_size=1, max_size=6), min_size=1, max_size=4),
)
def test_whatever_files_come_no_value_is_stored_under_another_label_and_each_label_keeps_its_field(
    tmp_path: Path, earlier: list[str], files: list[dict[str, Any]]
) -> None:
    keys = {key_of_an_earlier_version(label): label for label in earlier}
    own = [OwnField(key, label, "string") for key, label in keys.items() if key[:1].isalpha()]
    held = {label_as_compared(field.label): CUSTOM + field.key for field in own}
    for columns in files:
        headers = {label_as_compared(label): write(label) for label, write in columns.items()}
        found = stored(tmp_path, list(headers.values()), own)
        field_of = {value: field for field, value in found.items()}
        for label, header in headers.items():
            field = field_of[unicodedata.normalize("NFC", f"of {header}".strip())]
            assert held.setdefault(label, field) == field
    assert len(set(held.values())) == len(held)


def label_as_compared(label: str) -> str:
    """Return what two of these labels have alike that are one: the words above differ in more than accents and case."""
    return label.replace("ç", "c").replace("ê", "e").casefold()


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Data de Nascimento", "data_de_nascimento"),
        (" Convênio? ", "convenio"),
        ("2º telefone", "field_2o_telefone"),
        ("x" * 58, "x" * 58),
        ("x" * 59, f"{'x' * 55}_{hashlib.sha256(b'x' * 59).hexdigest()[:8]}"),
    ],
)
def test_a_key_is_what_a_header_says_in_plain_letters_and_of_a_long_one_its_beginning(header: str, key: str) -> None:
    assert key_of(header) == key


def test_a_header_in_other_letters_has_the_same_key_each_time() -> None:
    assert key_of("Город") == key_of("город ") != key_of("Возраст")
    assert key_of("Город").startswith("field_")


@given(st.text())
def test_whatever_a_header_says_its_key_is_one(header: str) -> None:
    assert re.fullmatch(KEY, key_of(header))
