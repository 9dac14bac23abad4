"""A row becomes a lead, or all that is wrong with it is told; a block of rows is judged exactly as its rows are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.web.refusals import Detail
from services.api.reading.domain.rows import Lead, Leads, validate_row, validate_rows
from services.api.reasons import ROW_ERRORS

MOST_CHARS = 40
UNSTORABLE = ["\x00", "\x07", "\x1b", "\x7f", "\x9f", "\ud800", "\udfff"]
VALID = ("Ana", "(11) 91234-5678", "529.982.247-25", "ana@a.com.br", "VIP, vip, Zona Sul")

cells_of = [
    st.sampled_from(["Ana", " Zo\u00e9 ", "Joa\u0303o", "A\nB", "\u200bAna", "x" * MOST_CHARS]),
    st.sampled_from(["11912345678", "+351 912 345 678", "(21) 3234-5678", "\u00a011 91234-5678 "]),
    st.sampled_from(["", " ", "529.982.247-25", "1234567890"]),
    st.sampled_from(["", "ana@a.com.br", " ANA@A.com.br", "jos\u00e9@exemplo.com.br"]),
    st.sampled_from(["", "VIP", "a, b,c", ",", "VIP, vip"]),
]
bad_cells = st.sampled_from(["", "\x00", "abc", "123", "x" * 39 + "  ", "a,b,c,d,e,f", "a@", "\ud800", "5,51E+12"])
valid_rows = st.tuples(*cells_of).map(list)
odd_rows = st.lists(bad_cells | st.sampled_from(VALID), min_size=5, max_size=6)


def one_by_one(rows: list[list[str]]) -> Leads | None:
    leads = [lead for row in rows if isinstance(lead := validate_row(2, row, MOST_CHARS), Lead)]
    return Leads.of(leads) if len(leads) == len(rows) else None


def as_lists(leads: Leads | None) -> list[list[object]] | None:
    return None if leads is None else [list(column) for column in leads]


@settings(max_examples=500)
@given(st.lists(valid_rows | odd_rows, min_size=1, max_size=4))
def test_rows_together_are_what_they_are_one_by_one(rows: list[list[str]]) -> None:
    assert as_lists(validate_rows(rows, MOST_CHARS)) == as_lists(one_by_one(rows))


@given(st.lists(valid_rows, min_size=1, max_size=4))
def test_rows_that_are_all_valid_are_judged_at_once(rows: list[list[str]]) -> None:
    assert validate_rows(rows, MOST_CHARS) is not None


def test_the_chosen_rows_keep_their_order_in_every_column() -> None:
    rows = [
        ["Ana", "11912345678", "", "", "a"],
        ["Bia", "11912345679", "", "", ""],
        ["Caio", "11912345680", "", "", "c"],
    ]
    leads = validate_rows(rows, MOST_CHARS)
    assert leads is not None
    assert as_lists(leads.where([True, False, True])) == as_lists(validate_rows([rows[0], rows[2]], MOST_CHARS))


def test_no_rows_are_columns_of_nothing() -> None:
    assert as_lists(Leads.of([])) == [[], [], [], [], []]


# One by one


def faults_of(cells: list[str]) -> list[Detail]:
    faults = validate_row(7, cells, 1_000)
    assert not isinstance(faults, Lead)
    return faults


@pytest.mark.parametrize("char", UNSTORABLE)
def test_no_value_holds_what_a_store_refuses(char: str) -> None:
    lead = validate_row(2, [f"A{char}na", "11912345678", "", "", f"V{char}IP"], 1_000)
    assert isinstance(lead, Lead)
    assert lead.name == "Ana"
    assert lead.tags == ("VIP",)
    faults = faults_of(["Ana", f"119{char}12345678", f"529{char}98224725", f"an{char}a@padaria.com.br", ""])
    assert [(fault.column, fault.code) for fault in faults] == [
        ("phone", "phone_invalid"),
        ("cpf", "cpf_invalid"),
        ("email", "email_invalid"),
    ]


def test_a_valid_row_is_a_lead() -> None:
    assert validate_row(2, ["Ana", "(11) 91234-5678", "529.982.247-25", "ana@padaria.com.br", "VIP, vip"], 1_000) == (
        "Ana",
        ("55", "BR", "11912345678"),
        "52998224725",
        "ana@padaria.com.br",
        ("VIP",),
    )


def test_every_fault_of_a_row_is_told_without_the_value() -> None:
    faults = faults_of(["", "secret-phone", "secret-cpf", "secret-mail", "a,b,c,d,e,secret-tag"])
    assert [(fault.row, fault.column, fault.code, fault.message) for fault in faults] == [
        (7, column, code, ROW_ERRORS[code])
        for column, code in [
            ("name", "name_missing"),
            ("phone", "phone_invalid"),
            ("cpf", "cpf_invalid"),
            ("email", "email_invalid"),
            ("tags", "tags_too_many"),
        ]
    ]
    assert "secret" not in repr(faults)


def test_rows_with_too_many_or_too_long_cells() -> None:
    too_many = faults_of(["Ana", "11912345678", "", "", "a", "b"])
    too_long = faults_of(["x" * 1_001, "11912345678", "", "y" * 1_001, ""])
    assert [(fault.column, fault.code) for fault in too_many] == [(None, "cells_too_many")]
    assert [(fault.column, fault.code) for fault in too_long] == [
        ("name", "cell_too_long"),
        ("email", "cell_too_long"),
    ]


def test_a_row_whose_cells_together_pass_the_limit_of_one_is_valid() -> None:
    assert isinstance(validate_row(2, ["x" * 90, "11912345678", "", "", "y" * 90], 100), Lead)
