"""A row becomes a lead, or the list of rules that it breaks."""

from collections.abc import Callable
from typing import NamedTuple

from libs.common.events.chunk import COLUMNS
from services.api.domain.cells import InvalidCell
from services.api.domain.fields import parse_cpf, parse_email, parse_name, parse_tags
from services.api.domain.phones import Phone, parse_phone
from services.api.domain.problems import ROW_ERRORS, Detail

_PARSERS: tuple[Callable[[str], object], ...] = (parse_name, parse_phone, parse_cpf, parse_email, parse_tags)


class Lead(NamedTuple):
    """A valid row, as it is stored."""

    name: str
    phone: Phone
    cpf: str | None
    email: str | None
    tags: tuple[str, ...]


def validate_row(row: int, cells: list[str], max_cell_chars: int) -> Lead | list[Detail]:
    """Return the lead that the cells of a row make, or one entry for every cell that breaks a rule.

    ``cells`` are at least five; ``row`` is the number that the spreadsheet shows.
    """
    if len(cells) == len(COLUMNS) and max(map(len, cells)) <= max_cell_chars:
        name, phone, cpf, email, tags = cells
        try:
            return Lead(parse_name(name), parse_phone(phone), parse_cpf(cpf), parse_email(email), parse_tags(tags))
        except InvalidCell:
            pass  # Once more, cell by cell: a person wants to know all that is wrong
    elif len(cells) > len(COLUMNS):
        return [_detail(row, None, "cells_too_many")]
    return _faults(row, cells, max_cell_chars)


def _faults(row: int, cells: list[str], max_cell_chars: int) -> list[Detail]:
    faults = []
    for column, parse, cell in zip(COLUMNS, _PARSERS, cells, strict=True):
        if len(cell) > max_cell_chars:
            faults.append(_detail(row, column, "cell_too_long"))
            continue
        try:
            parse(cell)
        except InvalidCell as invalid:
            faults.append(_detail(row, column, invalid.code))
    return faults


def _detail(row: int, column: str | None, code: str) -> Detail:
    return Detail(code=code, message=ROW_ERRORS[code], row=row, column=column)
