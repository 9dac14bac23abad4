"""Under which numbers the platform may hold one phone: old mobiles lack the ninth digit, landlines never changed."""

import pytest

from libs.fields.phone_forms import both_forms


@pytest.mark.parametrize("first", "6789")
def test_a_brazilian_mobile_is_looked_for_with_and_without_its_ninth_digit(first: str) -> None:
    assert both_forms("BR", f"119{first}1234567") == (f"119{first}1234567", f"11{first}1234567")


@pytest.mark.parametrize("first", "012345")
def test_no_old_mobile_began_with_0_to_5(first: str) -> None:
    assert both_forms("BR", f"119{first}1234567") == (f"119{first}1234567",)


@pytest.mark.parametrize(
    ("country", "national"),
    [
        ("BR", "1132654321"),  # a landline
        ("BR", "1181234567"),  # the old form itself
        ("BR", "11881234567"),  # eleven digits without the nine
        ("PT", "91912345678"),
        ("US", "11981234567"),
        ("BR", ""),
    ],
)
def test_every_other_phone_has_one_form(country: str, national: str) -> None:
    assert both_forms(country, national) == (national,)
