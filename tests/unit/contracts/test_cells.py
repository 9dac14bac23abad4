"""What of a row's original cells travels beside its columns, and that nothing of them is lost by that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.lead_import.internal.carried_cells import WIRE_COLUMNS, original_cells, unspelled_cells

SPELLED = ["Ana", "11912345678", "52998224725", "ana@a.com.br", "VIP, Zona Sul"]
LEAD = ("Ana", "11912345678", "52998224725", "ana@a.com.br", ("VIP", "Zona Sul"))
EMPTY_LEAD = ("Ana", "11912345678", None, None, ())

texts = st.text(max_size=3)
leads = st.tuples(texts, texts, st.none() | texts, st.none() | texts, st.lists(texts, max_size=2))


def with_cell(column: str, cell: str) -> list[str]:
    cells = list(SPELLED)
    cells[WIRE_COLUMNS.index(column)] = cell
    return cells


@pytest.mark.parametrize(
    ("cells", "carried"),
    [
        (SPELLED, []),
        (with_cell("phone", "(11) 91234-5678"), ["(11) 91234-5678"]),
        (with_cell("cpf", "529.982.247-25"), ["11912345678", "529.982.247-25"]),
        (with_cell("tags", "VIP,Zona Sul"), ["11912345678", "52998224725", "VIP,Zona Sul"]),
        (with_cell("email", "ana@A.com.br"), ["11912345678", "52998224725", "VIP, Zona Sul", "ana@A.com.br"]),
        (with_cell("name", " Ana"), with_cell("name", " Ana")),
    ],
)
def test_cells_that_the_columns_spell_are_left_out(cells: list[str], carried: list[str]) -> None:
    assert unspelled_cells(cells, *LEAD) == carried
    assert original_cells(carried, *LEAD) == cells


def test_a_blank_cell_is_spelled_by_nothing_in_its_column() -> None:
    blank = ["Ana", "11912345678", "", "", ""]
    assert unspelled_cells(blank, *EMPTY_LEAD) == []
    assert original_cells([], *EMPTY_LEAD) == blank


def test_five_cells_are_those_of_the_file_as_messages_had_them_before_any_were_left_out() -> None:
    assert original_cells(["a", "b", "c", "d", "e"], *LEAD) == ["a", "b", "c", "d", "e"]


@given(leads, st.data())
def test_whatever_the_cells_and_the_columns_are_the_cells_come_back(
    lead: tuple[str, str, str | None, str | None, list[str]], data: st.DataObject
) -> None:
    name, phone, cpf, email, tags = lead
    spelled = [name, phone, cpf or "", email or "", ", ".join(tags)]
    cells = [data.draw(st.sampled_from([cell, "", "other"]) | texts) for cell in spelled]
    carried = unspelled_cells(cells, *lead)
    assert original_cells(carried, *lead) == cells
    assert len("".join(carried)) <= len("".join(cells))
