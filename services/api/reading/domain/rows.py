"""A row becomes a lead, or the list of rules that it breaks."""

from collections.abc import Callable, Mapping, Sequence
from itertools import compress, repeat
from types import MappingProxyType
from typing import NamedTuple, Self

from libs.common.web.refusals import Detail
from libs.fields.cpf import parse_cpf
from libs.fields.emails import parse_email
from libs.fields.invalid_value import InvalidValue
from libs.fields.names import parse_name
from libs.fields.phones import Phone, parse_phone
from libs.fields.shown_errors import shows_error
from libs.fields.tags import parse_tags
from libs.fields.text import all_trimmed
from libs.spreadsheets.cell_faults import CellFault
from libs.spreadsheets.header import FILE_COLUMNS
from services.api.reasons import ROW_ERRORS

NO_FAULTS: Mapping[int, CellFault] = MappingProxyType({})

_PARSERS: tuple[Callable[[str], object], ...] = (parse_name, parse_phone, parse_cpf, parse_email, parse_tags)


class Lead(NamedTuple):
    """A valid row, as it is stored."""

    name: str
    phone: Phone
    cpf: str | None
    email: str | None
    tags: tuple[str, ...]


class Leads(NamedTuple):
    """Valid rows, as columns of equal length."""

    name: Sequence[str]
    phone: Sequence[Phone]
    cpf: Sequence[str | None]
    email: Sequence[str | None]
    tags: Sequence[tuple[str, ...]]

    @classmethod
    def of(cls, rows: Sequence[Lead]) -> Self:
        """Return these rows as columns."""
        return cls(*zip(*rows, strict=True)) if rows else cls((), (), (), (), ())

    def at(self, index: int) -> Lead:
        """Return one row."""
        return Lead(self.name[index], self.phone[index], self.cpf[index], self.email[index], self.tags[index])

    def where(self, chosen: Sequence[bool]) -> Self:
        """Return the rows for which ``chosen`` is true."""
        name, phone, cpf, email, tags = self
        return type(self)(
            list(compress(name, chosen)),
            list(compress(phone, chosen)),
            list(compress(cpf, chosen)),
            list(compress(email, chosen)),
            list(compress(tags, chosen)),
        )


def validate_rows(rows: Sequence[list[str]], max_cell_chars: int) -> Leads | None:
    """Return the leads that the rows make, or None when not all of them are valid: then each is for ``validate_row``.

    A valid row becomes the same lead here, in half the time, because whole columns are read at once. Most blocks of
    most files have no invalid row.
    """
    try:
        columns = list(zip(*rows, strict=True))
        if max(max(map(len, column)) for column in columns) > max_cell_chars:
            return None
        name, phone, cpf, email, tags = map(all_trimmed, columns)
        return Leads(
            list(map(parse_name, name)),
            list(map(parse_phone, phone)),
            list(map(parse_cpf, cpf)),
            list(map(parse_email, email)),
            list(map(parse_tags, tags)),
        )
    except (ValueError, InvalidValue):  # zip's ValueError: the rows are not all of five cells
        return None


def validate_row(
    row: int, cells: list[str], max_cell_chars: int, faults: Mapping[int, CellFault] = NO_FAULTS
) -> Lead | list[Detail]:
    """Return the lead that the cells of a row make, or one entry for every cell that breaks a rule.

    ``cells`` are at least five; ``row`` is the number that the spreadsheet shows; ``faults`` the columns whose cells
    hold no value, though they are not blank.
    """
    if len(cells) > len(FILE_COLUMNS):
        return [_detail(row, None, "cells_too_many")]
    name, phone, cpf, email, tags = texts = all_trimmed(cells)
    if max(map(len, cells)) <= max_cell_chars and not faults:
        try:
            return Lead(parse_name(name), parse_phone(phone), parse_cpf(cpf), parse_email(email), parse_tags(tags))
        except InvalidValue:
            pass  # Once more, cell by cell: a person wants to know all that is wrong
    codes = map(_fault, _PARSERS, cells, texts, map(faults.get, range(len(cells))), repeat(max_cell_chars))
    return [_detail(row, column, code) for column, code in zip(FILE_COLUMNS, codes, strict=True) if code]


def _fault(
    parse: Callable[[str], object], cell: str, text: str, found: CellFault | None, max_cell_chars: int
) -> str | None:
    """Return the code of the rule that a cell breaks; None: it breaks none."""
    if found or len(cell) > max_cell_chars:
        return found or "cell_too_long"
    try:
        parse(text)
    except InvalidValue as invalid:
        return "cell_error" if shows_error(text) else invalid.code
    return None


def _detail(row: int, column: str | None, code: str) -> Detail:
    return Detail(code=code, message=ROW_ERRORS[code], row=row, column=column)
