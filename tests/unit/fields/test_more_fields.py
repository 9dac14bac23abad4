"""What cells of further columns are, and which rule the others break."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.fields.custom_values import FieldType
from libs.fields.invalid_value import InvalidValue
from libs.fields.more_fields import MORE_FIELDS, parser_of

TYPES: dict[str, FieldType] = {"s": "string", "n": "number", "b": "boolean", "d": "date"}


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        *((field, "", None) for field in (*MORE_FIELDS, "custom:s", "custom:n", "custom:b", "custom:d")),
        ("company_name", "Padaria\nSão Bento", "Padaria São Bento"),
        ("notes", "one\r\ntwo\x00", "one\ntwo"),
        ("notes", "x" * 10_000, "x" * 10_000),
        ("custom:s", "007", "007"),
        ("custom:n", "0", 0),
        ("custom:n", "0,5", 0.5),
        ("custom:n", "12,5", 12.5),
        ("custom:n", "12.50", 12.5),
        ("custom:n", "1.234,56", 1234.56),
        ("custom:n", "1,234.56", 1234.56),
        ("custom:n", "1.234.567", 1234567),
        ("custom:n", "-1,2340", -1.234),
        ("custom:n", "0.125", 0.125),
        ("custom:n", "1234.567", 1234.567),
        ("custom:b", "Sim", True),
        ("custom:b", "NÃO", False),
        ("custom:b", "TRUE", True),
        ("custom:d", "2026-11-28", "2026-11-28"),
        ("custom:d", "2026-11-28 00:00:00", "2026-11-28"),
        ("custom:d", "28/11/2026", "2026-11-28"),
        ("custom:d", "1/2/2026", "2026-02-01"),
    ],
)
def test_a_value_of_its_kind(field: str, text: str, value: object) -> None:
    found = parser_of(field, TYPES)(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("first_name", "x" * 256, "text_too_long"),
        ("notes", "x" * 10_001, "notes_too_long"),
        ("custom:s", "x" * 1_001, "value_too_long"),
        ("custom:n", "1.234", "number_ambiguous"),
        ("custom:n", "12,345", "number_ambiguous"),
        ("custom:n", "007", "number_invalid"),
        ("custom:n", "-01,5", "number_invalid"),
        ("custom:n", "00", "number_invalid"),
        ("custom:n", "01.234,50", "number_invalid"),
        ("custom:n", "1.23.4", "number_invalid"),
        ("custom:n", "1.234.56", "number_invalid"),
        ("custom:n", "1e3", "number_invalid"),
        ("custom:n", "nan", "number_invalid"),
        ("custom:n", "1000000000000000", "number_invalid"),
        ("custom:n", "R$ 5", "number_invalid"),
        ("custom:b", "talvez", "boolean_invalid"),
        ("custom:d", "31/02/2026", "date_invalid"),
        ("custom:d", "11/28/2026", "date_invalid"),
        ("custom:d", "2026-11-28 10:00:00", "date_invalid"),
    ],
)
def test_what_is_none_says_which_rule_it_breaks(field: str, text: str, code: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parser_of(field, TYPES)(text)
    assert refused.value.code == code


def test_a_field_that_the_company_does_not_have_is_nobodys() -> None:
    with pytest.raises(KeyError):
        parser_of("custom:other", TYPES)


@given(zeros=st.integers(1, 4), rest=st.integers(0, 10**9), sign=st.sampled_from(["", "+", "-"]))
def test_no_code_loses_the_zeros_that_it_begins_with(zeros: int, rest: int, sign: str) -> None:
    with pytest.raises(InvalidValue):
        parser_of("custom:n", TYPES)(f"{sign}{'0' * zeros}{rest}")
