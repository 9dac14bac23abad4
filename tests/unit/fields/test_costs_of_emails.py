"""What an address of no plain letters may cost: as ``email_validator`` and ``idna`` judge it."""

from contextlib import suppress
from typing import Any

import email_validator
import pytest

from libs.fields import emails
from libs.fields.emails import parse_email
from libs.fields.invalid_value import InvalidValue


def test_a_domain_of_many_foreign_parts_is_asked_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part takes as long as many addresses; nobody's has more than a few."""
    asked: list[str] = []
    monkeypatch.setattr(emails, "validate_email", lambda text, **_: asked.append(text))
    for domain in (
        "é." * 6 + "com.br",
        "xn--4ca." * 28 + "co",
        "xn--" + "9" * 200,
        "XN--4ca。" * 6 + "co",
        "é。" * 60 + "co",
        "é" * 26 + ".co",
        "é." + "a." * 100 + "co",
        # Signs that stand for words: 24 of them for a hundred letters.
        "\u3316\u3300\u3301\u3302\u3303\u3304\u3305\u3306." * 3 + "co",
        "\ufdf8" * 20 + ".co",
    ):
        with pytest.raises(InvalidValue, match="email_invalid"):
            parse_email(f"{domain[:3]}@{domain}")
    assert not asked


def test_an_address_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a row that is invalid for another cell's sake it is asked for three times."""
    asked: list[str] = []
    judge = email_validator.validate_email

    def counted(text: str, **options: Any) -> Any:
        asked.append(text)
        return judge(text, **options)

    monkeypatch.setattr(emails, "validate_email", counted)
    for text in ("bia@sao-joão.com.br", "bia@é..com.br"):
        for _ in range(3):
            with suppress(InvalidValue):
                parse_email(text)
    assert asked == ["bia@sao-joão.com.br", "bia@é..com.br"]


def test_addresses_of_other_alphabets_are_addresses() -> None:
    for text in ("info@международныйцентр.рф", "contato@associação-de-proteção-ao-consumidor.org.br", "a@xn--4ca.com"):
        assert parse_email(text)
