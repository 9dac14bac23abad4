"""Whether a text names a person, however phone, e-mail and CPF are written in it."""

import pytest

from services.operator.erasing.domain import Person

BY_PHONE = Person.of(phone="+55 (11) 98123-4567", email=None, cpf=None)
BY_EMAIL = Person.of(phone=None, email="Rosa.Lima@Example.org", cpf=None)
BY_CPF = Person.of(phone=None, email=None, cpf="012.345.678-90")
ABROAD = Person.of(phone="+351 912 345 678", email=None, cpf=None)


@pytest.mark.parametrize(
    "text",
    [
        "11981234567",
        "(11) 98123-4567",
        "+55 11 98123 4567",
        "0055 (11) 9 8123-4567",
        "011 8123-4567",
        "11 8123.4567",
        "11981234567.0",
        "(0xx11) 98123-4567",
        "\uff11\uff11 98123\u20114567",
        "1198123\u200b4567",
        '["Rosa", "(11) 98123-4567", ""]',
        "ligar 11 98123-4567 / 11 3234-5678",
    ],
)
def test_a_phone_is_known_in_any_spelling(text: str) -> None:
    assert BY_PHONE.is_named_in(text)
    assert BY_PHONE.may_be_named_in(text.encode()) or not text.isascii()


@pytest.mark.parametrize("text", ["11981234568", "21981234567", "", "98123-4567", '["11", "981234567"]'])
def test_another_phone_is_not(text: str) -> None:
    assert not BY_PHONE.is_named_in(text)


@pytest.mark.parametrize("text", ["rosa.lima@example.org", "<ROSA.LIMA@EXAMPLE.ORG>", '["", "Rosa.Lima@example.org"]'])
def test_an_address_is_known_in_any_case(text: str) -> None:
    assert BY_EMAIL.is_named_in(text)
    assert BY_EMAIL.may_be_named_in(text.encode())


@pytest.mark.parametrize("text", ["ana.rosa.lima@example.org", "rosa.lima@example.orgao", "rosa-lima@example.org"])
def test_another_address_is_not(text: str) -> None:
    assert not BY_EMAIL.is_named_in(text)


@pytest.mark.parametrize("text", ["01234567890", "012.345.678-90", "1234567890", "012345678-90", "cpf 012 345 678 90."])
def test_a_cpf_is_known_also_without_its_zeros(text: str) -> None:
    assert BY_CPF.is_named_in(text)


def test_a_number_abroad_needs_its_countrys_code_unless_it_stands_alone() -> None:
    assert ABROAD.is_named_in("+351 912-345-678")
    assert ABROAD.is_named_in("912345678")
    assert not ABROAD.is_named_in("pedido 1912345678")


def test_what_a_database_looks_for_is_in_any_spelling() -> None:
    assert BY_PHONE.digits == ["81234567"]
    assert BY_CPF.digits == ["1234567890"]
    assert BY_EMAIL.words == ["rosa.lima@example.org"]
