"""Leads as a file, made while they are sent; who has read which is written down as with one that is looked at."""

from contextlib import nullcontext
from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from libs.common.web.caller import Caller
from libs.common.web.made_files import CSV, XLSX, MadeFile, Portions, lines, workbook
from libs.common.web.refusals import Refused
from libs.spreadsheets.writing import XlsxWriter, csv_header, csv_rows
from services.leads.domain.lead_filter import LeadFilter
from services.leads.domain.list_cursor import ListPlace
from services.leads.http.exported_columns import TEMPLATE, cells_of, header_of
from services.leads.http.lead_deps import LeadDeps, LeadDepsDep, Viewer
from services.leads.http.wanted_leads import WantedLeads
from services.leads.listing.store import place_of
from services.leads.noting.store import LeadReader

router = APIRouter(prefix="/api/v1", tags=["Leads"])

AT_ONCE = 1_000
"""Leads that are read together: so many are in memory."""
SEPARATOR = ","
"""The specification's."""
SHEET_TITLE = "leads"
WIDTH = 18.0
"""Of a workbook's column, in characters."""


@router.get("/leads/export.csv", response_class=Response, summary="Leads as CSV")
async def get_export_csv(caller: Viewer, deps: LeadDepsDep, wanted: WantedLeads) -> Response:
    """All that the filters of the list find, however many. What would be a formula is made text."""
    keys = list(await deps.defining.types(caller.company_id))
    pieces = lines(
        csv_header(header_of(keys), SEPARATOR),
        _portions(deps, caller, wanted, keys),
        partial(csv_rows, separator=SEPARATOR),
    )
    return MadeFile(pieces, nullcontext(), media_type=CSV, headers=_named("leads.csv"))


@router.get("/leads/export.xlsx", response_class=Response, summary="Leads as a workbook")
async def get_export_xlsx(caller: Viewer, deps: LeadDepsDep, wanted: WantedLeads) -> Response:
    """As the CSV, of fewer leads: a workbook is written whole before its first byte is sent."""
    found, is_all = await deps.listing.count(caller.company_id, wanted, most=deps.export_rows)
    if not is_all:
        raise Refused("export_too_large", f"A workbook holds {found} leads at most.")
    keys = list(await deps.defining.types(caller.company_id))
    header = header_of(keys)
    place = deps.exports.one(caller.company_id, code="busy")
    opened = partial(XlsxWriter, SHEET_TITLE, header, widths=[WIDTH] * len(header))
    pieces = workbook(opened, _portions(deps, caller, wanted, keys))
    return MadeFile(pieces, place, media_type=XLSX, headers=_named("leads.xlsx"))


@router.get("/leads/template.csv", response_class=Response, summary="A file of leads to be filled in")
async def get_template(caller: Viewer, deps: LeadDepsDep) -> Response:
    """With a column for each of the company's own fields."""
    keys = await deps.defining.types(caller.company_id)
    return Response(csv_header([*TEMPLATE, *keys], SEPARATOR), media_type=CSV, headers=_named("leads-template.csv"))


async def _portions(deps: LeadDeps, caller: Caller, wanted: LeadFilter, keys: list[str]) -> Portions:
    behind: ListPlace | None = None

    async def portion(behind: ListPlace | None) -> list[dict[str, Any]]:
        reader = LeadReader(caller.user_id, deps.clock(), "export", first=AT_ONCE)
        return await deps.listing.page(
            caller.company_id, wanted, limit=AT_ONCE, behind=behind, whole=True, reader=reader
        )

    while some := await portion(behind):
        yield [cells_of(each, keys) for each in some]
        behind = place_of(some[-1])


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
