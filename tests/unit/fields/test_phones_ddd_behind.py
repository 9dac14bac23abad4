"""A DDD or an extension behind the number never makes another person's number."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.fields.phones import plain_phone
from tests.unit.fields.test_phones import LANDLINE, MOBILE, outcome

BEHIND = [
    "3234-5678 (11)",
    "99912-3456 (11)",
    "3234-5678 12",
    "3234-5678-12",
    "32345678 (11)",
    "3234-567811",
    "3234 56 78 11",
    "(3234)5678-11",
    "+55 3234-5678 (11)",
    "9991 2345-611",
    "9991-2345 (011)",
    "90323-2345 (011)",
    "999 123 456 11",
    "999 123 45611",
    "(11) 9234-5678 9",
    "0 15 3234-5678 11",
    "32 34 56 78 (11)",
    "32-34-56-78 11",
    "32.34.56.78 - 11",
    "3 2 3 4 5 6 7 8 (11)",
    "+1 345-0147 (305)",
]


@pytest.mark.parametrize("typed", BEHIND)
def test_what_stands_behind_the_number_never_makes_another_persons_number(typed: str) -> None:
    assert outcome(typed) == "phone_invalid"


@pytest.mark.parametrize(
    "typed",
    [
        "11 912345678",
        "119 1234 5678",
        "119 12345678",
        "1191234-5678",
        "(11)91234.5678",
        "(11)(91234-5678)",
        "(11) 91234-56-78",
        "+55 (11) 9 1234 5678",
        "+55119 1234 5678",
        "55 11 91234 5678",
        "11 9123 45678",
        "11 912 345 678",
        "11 912 34 56 78",
        "11 9 12 34 56 78",
        "(11) 9 1 2 3 4 5 6 7 8",
    ],
)
def test_groups_that_begin_with_the_ddd_are_read(typed: str) -> None:
    assert outcome(typed) == MOBILE


@pytest.mark.parametrize(
    "typed", ["11 32-34-56-78", "(11) 32 34 56-78", "113234-56-78", "11 32 345 678", "1 1 3 2 3 4 5 6 7 8"]
)
def test_a_landline_may_be_in_pairs_and_threes(typed: str) -> None:
    assert outcome(typed) == LANDLINE


SEPARATORS = st.lists(st.sampled_from(" -./\u00a0\u2011()[]"), min_size=1, max_size=3).map("".join)
GROUPINGS_OF_EIGHT = [(8,), (4, 4), (4, 2, 2), (2, 2, 2, 2), (1,) * 8]
GROUPINGS_OF_NINE = [(9,), (5, 4), (1, 4, 4), (1, 8), (3, 3, 3), (5, 2, 2), (4, 5)]
PREFIXES = ["", "+55 ", "+55", "0", "0 15 ", "0055 ", "("]
DDDS = ["11", "14", "21", "31", "32", "41", "55", "65", "90", "91", "99"]


@settings(max_examples=1_000)
@given(
    data=st.data(), ddd=st.sampled_from(DDDS), prefix=st.sampled_from(["", "+55 ", "+55", "0", "0 15 ", "0055 ", "("])
)
def test_no_number_with_its_ddd_behind_it_is_another_persons(data: st.DataObject, ddd: str, prefix: str) -> None:
    """In pairs, or digit by digit, nobody sees where the number ends, unless the last pair is set apart otherwise."""
    grouping = data.draw(st.sampled_from(GROUPINGS_OF_EIGHT + GROUPINGS_OF_NINE))
    first = "9" if sum(grouping) == len("912345678") else data.draw(st.sampled_from("23456789"))
    number = first + data.draw(st.text("0123456789", min_size=sum(grouping) - 1, max_size=sum(grouping) - 1))
    between = data.draw(SEPARATORS)
    groups = [number[sum(grouping[:at]) : sum(grouping[: at + 1])] for at in range(len(grouping))]
    behind = data.draw(st.sampled_from(["({})", "[{}]", " ({})", "-({})", "(0{})"]).map(lambda form: form.format(ddd)))
    if set(grouping) not in ({1}, {2}):
        behind = data.draw(st.sampled_from([behind, f"{data.draw(SEPARATORS)}{ddd}", f"{data.draw(SEPARATORS)}0{ddd}"]))
    typed = prefix + between.join(groups) + behind
    found = outcome(typed)
    itself = {f"{ddd}{number}", f"{ddd}9{number}"}
    assert isinstance(found, str) or found.national in itself, typed
    assert plain_phone(typed) is None
