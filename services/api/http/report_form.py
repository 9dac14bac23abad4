"""The form of a report: the upload's own columns, and three that say what became of each row. Pure.

Where rows have more cells than the header, a column before these shows the others, so that a person sees which they
are; as long as they stand there the row has too many cells, also when the report is sent again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

from libs.contracts.lead_import.internal.carried_cells import CELL_LIMIT
from libs.contracts.lead_import.words import Words
from libs.spreadsheets.columns import REPORT_COLUMNS
from libs.spreadsheets.cut_cells import cut, left_out
from libs.spreadsheets.header import FILE_COLUMNS
from services.api.reading.domain.kept_cells import LONGEST_KEPT

CREATED_COLUMNS = ("row", "lead_id", "chat_id", "name")
"""What is said of rows that became leads: their cells are not kept."""
TOO_MANY = "cells_too_many"
_BETWEEN_CELLS = " | "


@dataclass(frozen=True, slots=True)
class ReportForm:
    """The columns of the fields, in the file's order, under the file's own headers."""

    headers: tuple[str, ...]
    fields: tuple[int, ...]
    """Which field stands in each column: of the five, then of further ones."""
    places: tuple[int, ...]
    """Where they stand in the file."""
    width: int
    """Columns of the file, which may have others."""
    is_by_field: bool
    """A row with too many cells was kept by field, too, the others behind; else as it stood in the file."""
    kept: int
    """Cells that are kept of a row."""
    marks_cuts: bool
    """A cell that was cut bears the mark of it; else nobody knows of one of ``CELL_LIMIT`` characters."""
    shows_surplus: bool = False
    """Rows have more cells than the header: a column shows these."""

    @classmethod
    def of(cls, file: Mapping[str, Any] | None, reasons: Collection[str] = ()) -> Self:
        """Return the form of an import's file, as ``kept_of_file`` of ``ReadingResult`` says; those of old say less.

        ``reasons``: why rows became no leads, as far as it is known.
        """
        said = file or {}
        headers = said.get("headers") or list(FILE_COLUMNS)
        places = said.get("places") or list(range(len(FILE_COLUMNS)))
        found = sorted((place, field) for field, place in enumerate(places) if place is not None)
        names = [*FILE_COLUMNS, *(said.get("more") or ())]
        titles = said.get("titles")
        # Of old the titles of columns are among the headers. One beyond those that are kept is named as its field.
        named = (
            titles[field] if titles else headers[place] if place < len(headers) else names[field]
            for place, field in found
        )
        return cls(
            headers=tuple(named),
            fields=tuple(field for _, field in found),
            places=tuple(place for place, _ in found),
            width=max(len(headers), found[-1][0] + 1),
            is_by_field=bool(titles) or "places" not in said,
            kept=len(names),
            marks_cuts="marks_cuts" in said,
            shows_surplus=TOO_MANY in reasons,
        )

    def header(self, words: Words) -> list[str]:
        """Return the titles of the columns."""
        return [*self.headers, *([words.labels[TOO_MANY]] if self.shows_surplus else ()), *REPORT_COLUMNS]

    def cells(self, row: Mapping[str, Any], words: Words) -> list[str]:
        """Return the cells of a row as the store has it."""
        kept = row["cells"] if self.marks_cuts else list(map(_perhaps_cut, row["cells"]))
        if len(kept) == len(FILE_COLUMNS):
            # A stage of before, or somebody's erasure, kept no others.
            kept = [*kept, *[""] * (self.kept - len(kept))]
        if self.is_by_field or len(kept) == self.kept:
            own, others = [kept[field] for field in self.fields], kept[self.kept :]
        else:
            own = [kept[place] if place < len(kept) else "" for place in self.places]
            others = kept[self.width :]
        said = [str(row["row_number"]), row["outcome"], words.of_row(row["reason"], row["detail"])]
        if not self.shows_surplus:
            # Of an import in progress a row may have come after its reasons were looked up. So it has too many, too.
            return [*own, *said, *others]
        return [*own, cut(_BETWEEN_CELLS.join(filter(None, others)), LONGEST_KEPT), *said]


def _perhaps_cut(cell: str) -> str:
    return f"{cell} {left_out(1)}" if len(cell) == CELL_LIMIT else cell
