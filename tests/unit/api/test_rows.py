"""A block of rows is judged at once exactly as its rows are judged one by one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.api.domain.rows import Lead, Leads, validate_row, validate_rows

MOST_CHARS = 40
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
