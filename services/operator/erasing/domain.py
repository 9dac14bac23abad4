"""Who a person is, and whether a text names that person, in whatever spelling: pure."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Self

from libs.fields.cpf import parse_cpf
from libs.fields.emails import parse_email
from libs.fields.phone_forms import both_forms
from libs.fields.phones import parse_phone
from libs.fields.text import with_few_marks

_RUN = re.compile(r"\d[\d\s().\-/\[\]+\u2010-\u2015\u2212]*")
"""Digits and what people put between those of one number."""
_NOT_A_DIGIT = re.compile(r"\D+")
_ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}")
_TAIL = 8
"""So many digits at the end of a phone are looked for in a database, which cannot tell spellings apart."""
_LEAST_CPF = 8
"""Digits that a CPF has at least when a spreadsheet took the zeros before them."""
CPF_DIGITS = 11


@dataclass(frozen=True, slots=True)
class Person:
    """One person by phone, e-mail or CPF: what names any of them is about that person."""

    phones: tuple[tuple[str, str], ...] = ()
    """(country, national number), in each form in which it may stand (``phone_forms``)."""
    dial_code: str = ""
    email: str = ""
    """Case-folded."""
    cpf: str = ""

    @classmethod
    def of(cls, *, phone: str | None, email: str | None, cpf: str | None) -> Self:
        """Read what an operator typed. Raises InvalidValue with the code of what cannot be read."""
        number = parse_phone(phone.strip()) if phone else None
        address = parse_email(email.strip()) if email else None
        digits = parse_cpf(cpf.strip()) if cpf else None
        forms = both_forms(number.country_code, number.national) if number else ()
        return cls(
            phones=tuple((number.country_code, form) for form in forms) if number else (),
            dial_code=number.dial_code if number else "",
            email=(address or "").casefold(),
            cpf=digits or "",
        )

    @property
    def is_nobody(self) -> bool:
        """Whether nothing was given."""
        return not (self.phones or self.email or self.cpf)

    @property
    def digits(self) -> list[str]:
        """What any spelling of phone or CPF holds, when all but its digits is taken out."""
        tails = {form[-_TAIL:] for _, form in self.phones}
        return sorted(tails | ({self.cpf.lstrip("0")} if self.cpf else set()))

    @property
    def words(self) -> list[str]:
        """What any spelling of the address holds, in small letters."""
        return [self.email] if self.email else []

    def is_named_in(self, text: str) -> bool:
        """Tell whether a text names this person, however phone, CPF and address are written in it."""
        plain = unicodedata.normalize("NFKC", with_few_marks(text)).casefold()
        plain = "".join(char for char in plain if unicodedata.category(char) != "Cf")
        if self.email and re.search(rf"(?<![\w.+-]){re.escape(self.email)}(?![\w-])", plain):
            return True
        return any(self._is_number(_NOT_A_DIGIT.sub("", run[0])) for run in _RUN.finditer(plain))

    def may_be_named_in(self, raw: bytes) -> bool:
        """Do the same with a message of any kind, faster and less exactly: two cells may read as one number."""
        text = _ESCAPED.sub(" ", raw.decode("utf-8", "replace")).casefold()
        return (bool(self.email) and self.email in text) or self._holds_number(_NOT_A_DIGIT.sub("", text))

    def _is_number(self, digits: str) -> bool:
        lost_zeros = len(digits) >= _LEAST_CPF and digits.zfill(CPF_DIGITS) == self.cpf
        return lost_zeros or self._holds_number(digits)

    def _holds_number(self, digits: str) -> bool:
        if self.cpf and self.cpf in digits:
            return True
        for country, form in self.phones:
            # A number of DDD and subscriber is long enough to be nobody else's. Others are, with their country's code.
            sure = form if country == "BR" else self.dial_code + form
            if sure in digits or digits == form:
                return True
        return False
