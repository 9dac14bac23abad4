"""Which column of a file holds which field: as the caller says, or as the header's words say, in Portuguese or English.

Pure. Words are compared without case, accents, blanks and punctuation: ``E-mail``, ``e mail`` and ``EMAIL`` are one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

from libs.fields.text import trimmed, without_marks, without_unstorable
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.header import FILE_COLUMNS

REQUIRED = ("name", "phone")
"""Fields that no row can do without. A file needs no columns for the others."""

REPORT_COLUMNS = ("row", "outcome", "reason")
"""The last three columns of a report of ours: by them it is known when it is uploaded again."""

SURPLUS_COLUMN = frozenset({"too many cells", "celulas demais"})
"""What the column before these is called, as ``header_key`` writes it in each language, if a report has one. It shows
the cells of a row that no header stands over; a row with something in it still has too many cells."""

ALIASES: dict[str, tuple[str, ...]] = {
    "name": (
        "name",
        "nome",
        "nome completo",
        "full name",
        "nome do cliente",
        "nome do contato",
        "cliente",
        "contato",
        "paciente",
        "lead",
        "customer",
        "contact",
        "contact name",
        "razao social",
    ),
    "phone": (
        "phone",
        "celular",
        "whatsapp",
        "telefone celular",
        "numero de whatsapp",
        "numero do whatsapp",
        "telefone whatsapp",
        "celular whatsapp",
        "numero de telefone",
        "telefone",
        "fone",
        "tel",
        "cel",
        "zap",
        "mobile",
        "mobile phone",
        "cell phone",
        "cellphone",
        "phone number",
    ),
    "cpf": ("cpf", "cpf do cliente", "numero do cpf", "documento", "cpf cnpj", "document", "doc"),
    "email": ("email", "e mail", "mail", "e mail do cliente", "correio eletronico", "email address"),
    "tags": ("tags", "tag", "etiquetas", "etiqueta", "marcadores", "marcador", "labels", "label", "rotulos"),
}
"""Words for each field, the surest first: of two columns that may both be meant the one with the surer word is taken,
so that a mobile goes before a landline."""

_BETWEEN = re.compile(r"[\W_]+")
LONGEST_HEADER = 255
"""Characters of a header by which it is known."""

MOST_TOLD = 100
"""Columns that callers are told of, the first ones, and as many as a mapping may name. Where columns that are no known
field become fields, these do: nobody could leave out the others."""

Row = tuple[int, list[str]]


def header_key(cell: str) -> str:
    """Return a header's cell in the form in which headers are compared."""
    return _BETWEEN.sub(" ", without_marks(header_text(cell), LONGEST_HEADER)).strip()


def header_told(cell: str) -> str:
    """Return a header's cell as it is told to callers, who name its column by just this: as it stands, blanks included,
    which may be all that tells two columns apart. Of a longer one ``LONGEST_HEADER`` characters, from its first letter.
    """
    told = without_unstorable(cell)
    return told if len(told) <= LONGEST_HEADER else trimmed(told)[:LONGEST_HEADER]


def header_text(cell: str) -> str:
    """Return what a header's cell says: what is told of it, without blanks around it."""
    return trimmed(header_told(cell))


_RANKS = {header_key(alias): (field, rank) for field, words in ALIASES.items() for rank, alias in enumerate(words)}

HEADER_WORDS = frozenset(_RANKS)
"""Every word by which a column is known, as ``header_key`` writes it."""


def width_of_ours(headers: Sequence[str]) -> int:
    """Return how many of the last columns are those of our reports: 0 when the file is none, else three or four."""
    three = len(REPORT_COLUMNS)
    if tuple(header_key(cell) for cell in headers[-three:]) != REPORT_COLUMNS:
        return 0
    return three + (len(headers) > three and header_key(headers[-three - 1]) in SURPLUS_COLUMN)


@dataclass(frozen=True)
class Columns:
    """Where the five fields stand in the rows of a file, and further ones that the mapping names."""

    places: tuple[int | None, ...]
    """Of each of ``FILE_COLUMNS`` its column, counted from 0; None: the file has none."""
    width: int
    """Cells of the header."""
    ours: int = 0
    """Of these the last ones that a report of ours has of its own; 0: the file is no report."""
    unknown: tuple[str, ...] = ()
    """Headers to which the mapping gives a field and which the file does not have, or has for a name that says them
    better."""
    repeated: tuple[str, ...] = ()
    """Fields that the mapping gives to more than one column."""
    more: tuple[tuple[str, int], ...] = ()
    """Further fields and their columns, in the file's order."""

    @property
    def missing(self) -> list[str]:
        """Fields that must have a column and have none."""
        return [
            name for name, place in zip(FILE_COLUMNS, self.places, strict=True) if place is None and name in REQUIRED
        ]

    @property
    def is_report(self) -> bool:
        """The file is a report of ours."""
        return self.ours > 0

    @property
    def own_width(self) -> int:
        """Cells of the header that are the file's own, not our report's."""
        return self.width - self.ours

    @property
    def told(self) -> int:
        """How many of the file's own columns, the first ones, callers are told of."""
        return min(self.own_width, MOST_TOLD)

    @property
    def are_the_five(self) -> bool:
        """The file's own columns are the five fields, in order, and nothing else."""
        five = len(FILE_COLUMNS)
        return self.own_width == five and self.places == tuple(range(five)) and not self.more

    def field_of(self, place: int) -> str | None:
        """Return the field that a column holds."""
        return next((name for name, at in self._all if at == place), None)

    def left_out(self, headers: Sequence[str]) -> list[str]:
        """Return the headers of the columns that hold no field."""
        held = {place for _, place in self._all}
        return [headers[place] for place in range(self.own_width) if place not in held]

    def wanted(self, cells: list[str]) -> list[str]:
        """Return the cells of the five fields and then of the further ones, and behind them those of a row that has
        more cells than the header.
        """
        found = [*self._picked(cells), *(cells[at] if at < len(cells) else "" for _, at in self.more)]
        return found + self._beyond(cells) if self._has_more(cells) else found

    @property
    def _all(self) -> list[tuple[str, int | None]]:
        return [*zip(FILE_COLUMNS, self.places, strict=True), *self.more]

    def five(self, cells: list[str]) -> list[str]:
        """Return the cells of the five fields, and behind them those of a row that has more cells than the header."""
        if self._has_more(cells):
            return [*self._picked(cells), *self._beyond(cells)]
        return list(self._picked(cells))

    def _picked(self, cells: list[str]) -> Sequence[str]:
        if len(cells) > self._furthest:
            return self._pick([*cells, ""])
        # Cells that are missing are blank; they are not added, for a header may have tens of thousands of them.
        return [cells[at] if at is not None and at < len(cells) else "" for at in self.places]

    def _has_more(self, cells: list[str]) -> bool:
        # Blank ones at the right were taken off, so that at least one of those beyond the header says something.
        return len(cells) > self.width or (self._has_surplus and bool(trimmed("".join(self._surplus(cells)))))

    def _beyond(self, cells: list[str]) -> list[str]:
        return [cell for cell in (*self._surplus(cells), *cells[self.width :]) if trimmed(cell)]

    def _surplus(self, cells: list[str]) -> list[str]:
        return cells[self.own_width : self.own_width + self._has_surplus]

    @cached_property
    def _has_surplus(self) -> bool:
        return self.ours > len(REPORT_COLUMNS)

    @cached_property
    def _furthest(self) -> int:
        return max((place for place in self.places if place is not None), default=-1)

    @cached_property
    def _pick(self) -> Callable[[list[str]], tuple[Any, ...]]:
        # A field without a column is picked from the blank cell that stands behind the others.
        return itemgetter(*(-1 if place is None else place for place in self.places))


def strict_columns(headers: Sequence[str]) -> Columns:
    """Return the columns of a file whose header was found to be the five names, with or without our report's three."""
    return Columns(tuple(range(len(FILE_COLUMNS))), len(headers), ours=width_of_ours(headers))


def named_places(
    headers: Sequence[str], mapping: Mapping[str, str | None], *, is_report: bool = False
) -> dict[str, int]:
    """Return which column each name of the mapping means: the first one whose header says just that, else of those that
    no name says just so the first one that says it but for blanks around it, else of the rest the first one that is
    compared alike.

    Blanks or signs may be all that tells headers apart: *Valor* and *Valor %*. So a column, and any further one under
    its very header, is taken by the name that says it best, and of names that say it alike by one: the others are left
    out, as names are that are not there. Of names alike one that is mapped to nothing goes first, so that no column is
    stored that somebody left out; in a report of ours, which lacks the columns of such names, it means none that is
    only like it.
    """
    free: dict[str, int] = {}
    for place, header in enumerate(headers):
        free.setdefault(header_told(header), place)
    found: dict[str, int] = {}
    nothing = [name for name, field in mapping.items() if field is None]
    fields = [name for name, field in mapping.items() if field is not None]
    less_well = fields if is_report else nothing + fields
    turns = ((header_told, nothing + fields), (header_text, less_well), (header_key, less_well))
    for form, names in turns:
        if all(name in found for name in names):
            continue
        titles = {form(title): title for title in reversed(free)}
        if form is header_key:
            titles.pop("", None)  # signs alone are no word: # is not %
        for name in names:
            title = None if name in found else titles.pop(form(name), None)
            if title is not None:
                found[name] = free.pop(title)
    return found


def mapped_columns(headers: Sequence[str], options: FileOptions) -> Columns:
    """Find the columns of a file whose header may say anything.

    What the mapping names comes first; the other fields are found by ``ALIASES``.
    """
    ours = width_of_ours(headers)
    own = len(headers) - ours
    places: dict[str, int] = {}
    named = named_places(headers[:own], options.mapping, is_report=ours > 0)
    taken = {header_told(headers[place]) for place in named.values()}
    repeated = []
    for header, field in options.mapping.items():
        at = named.get(header)
        if at is None:
            continue
        if field is not None and places.setdefault(field, at) != at:
            repeated.append(field)
    found: dict[str, tuple[int, int]] = {}
    for place, header in enumerate(headers[:own]):
        field_and_rank = None if header_told(header) in taken else _RANKS.get(header_key(header))
        if field_and_rank and field_and_rank[0] not in places:
            name, rank = field_and_rank
            found[name] = min(found.get(name, (rank, place)), (rank, place))
    places |= {name: place for name, (_, place) in found.items()}
    return Columns(
        tuple(places.get(name) for name in FILE_COLUMNS),
        len(headers),
        ours=ours,
        unknown=tuple(header for header, field in options.mapping.items() if field and header not in named),
        repeated=tuple(repeated),
        more=tuple(sorted(((name, at) for name, at in places.items() if name not in FILE_COLUMNS), key=itemgetter(1))),
    )
