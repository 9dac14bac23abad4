"""Rows of an import as a file: those that did not become leads, in the upload's own columns, and why."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from starlette.responses import Response

from libs.common.web.made_files import CSV, XLSX, MadeFile, Portions, lines, workbook
from libs.common.web.shares import PlacesInTurn
from libs.contracts.lead_import.words import Words
from libs.spreadsheets.csv_layout import SEPARATORS
from libs.spreadsheets.writing import SEPARATOR, XlsxWriter, csv_header, csv_rows
from services.api.http.report_form import CREATED_COLUMNS, TOO_MANY, ReportForm
from services.api.http.store import Scope, Store
from services.api.http.views import CREATED, RowOutcome

SHEET_TITLE = "leads"

ROWS_A_READ = 1_000
_WIDTH, _WIDTH_OF_WORDS = 18.0, 60.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of which import, and in what words."""

    scope: Scope
    found: Mapping[str, Any]
    """The import, as the store has it."""
    outcome: RowOutcome | None
    """None: all that did not become leads."""
    reason: str | None
    words: Words

    @property
    def form(self) -> ReportForm:
        return ReportForm.of(self.found["file"], self.found["reasons"] if self.reason in {None, TOO_MANY} else ())

    @property
    def header(self) -> list[str]:
        return list(CREATED_COLUMNS) if self.outcome == CREATED else self.form.header(self.words)

    @property
    def separator(self) -> str:
        """The upload's own, if it has one.

        One that a file has to declare, as ``sep=|``, is not used: the report could not be imported again.
        """
        own = (self.found["file"] or {}).get("separator")
        return own if own in SEPARATORS else SEPARATOR


async def _portions(store: Store, wanted: Wanted, reads: PlacesInTurn) -> Portions:
    after, cells = 0, [[""]]
    while cells:
        async with reads.one(wanted.scope.company_id):
            cells, after = await _portion(store, wanted, after)
        if cells:
            yield cells


async def _portion(store: Store, wanted: Wanted, after: int) -> tuple[list[list[str]], int]:
    """Return the cells of the rows behind one, and which is the last of them."""
    scope, form, reason = wanted.scope, wanted.form, wanted.reason
    if wanted.outcome == CREATED:
        made = await store.created_rows(scope, wanted.found, after=after, limit=ROWS_A_READ, reason=reason)
        cells = [[str(row[column] or "") for column in CREATED_COLUMNS] for row in made]
        return cells, made[-1]["row"] if made else after
    rows = await store.rows(
        scope, wanted.found["id"], after=after, limit=ROWS_A_READ, outcome=wanted.outcome, reason=reason
    )
    return [form.cells(row, wanted.words) for row in rows], rows[-1]["row_number"] if rows else after


def _widths(header: list[str]) -> list[float]:
    """Return how wide columns are, in characters: the last one holds a sentence, the others names and numbers.

    A title may have 255 characters; no column of Excel is wider than that.
    """
    return [*(min(max(_WIDTH, len(name) + 2), _WIDTH_OF_WORDS) for name in header[:-1]), _WIDTH_OF_WORDS]


def download(
    store: Store,
    wanted: Wanted,
    *,
    kind: Literal["csv", "xlsx"],
    place: AbstractContextManager[None],
    reads: PlacesInTurn,
) -> Response:
    """Return all rows that are wanted as a file; those that are no leads can be corrected and imported again.

    ``place`` is held while the report is made and sent, one of ``reads`` while a portion of it is read. Raises Refused
    when there is none to be made.
    """
    portions, header = _portions(store, wanted, reads), wanted.header
    separator = wanted.separator
    pieces = (
        lines(csv_header(header, separator), portions, partial(csv_rows, separator=separator))
        if kind == "csv"
        else workbook(partial(XlsxWriter, SHEET_TITLE, header, widths=_widths(header)), portions)
    )
    headers = {
        "Content-Disposition": f'attachment; filename="import-{wanted.found["id"]}-rows.{kind}"',
        "Content-Language": wanted.words.language,
    }
    return MadeFile(pieces, place, media_type=CSV if kind == "csv" else XLSX, headers=headers)
