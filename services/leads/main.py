"""Wires leads: ``python -m services.leads.main``."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from libs.common.clock import utc_now
from libs.common.process.http import HttpService
from libs.common.process.secrecy import hide_from_neighbours
from libs.common.process.standing import Standing
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.common.web.auth import TokenReader
from libs.common.web.shares import Shares
from libs.common.web.temporary_files import forget_files_of_the_dead
from services.leads.capturing.store import CaptureStore
from services.leads.changing.store import ChangeStore
from services.leads.colleagues.store import ColleagueStore
from services.leads.converting.store import ConversionStore
from services.leads.defining.store import FieldStore
from services.leads.deleting.store import DeletionStore
from services.leads.domain.client_address import read_networks
from services.leads.editing.store import EditStore
from services.leads.forgetting.store import ForgettingStore
from services.leads.forgetting.sweeper import Sweeper
from services.leads.grouping.store import GroupStore
from services.leads.http import (
    capture_routes,
    colleague_routes,
    conversion_routes,
    edit_routes,
    export_routes,
    field_routes,
    form_routes,
    group_routes,
    lead_routes,
)
from services.leads.http.lead_deps import LeadDeps
from services.leads.http.problems import PROBLEMS, TRANSLATIONS
from services.leads.listing.store import ListStore
from services.leads.placing.store import FormStore
from services.leads.settings import Settings

NAME = "leads"
DESCRIPTION = "Leads of a company: the public form, the list, the pipeline."

# A name before the ids: `/leads/export.csv` is none.
_ROUTES = (
    *(capture_routes, export_routes, lead_routes, edit_routes),
    *(conversion_routes, group_routes, field_routes, colleague_routes, form_routes),
)
ROUTERS = tuple(each.router for each in _ROUTES)

router = APIRouter(tags=["Health"])


@router.get("/health", summary="Whether the process answers")
async def get_health() -> JSONResponse:
    """Asks no store: what waits for one would pile up behind it. `/health/ready` does."""
    return JSONResponse({"status": "ok"})


async def never_stuck() -> str | None:
    return None


def build(settings: Settings) -> HttpService:
    service = HttpService(
        NAME, settings, title="Leadflow: leads", description=DESCRIPTION, problems=PROBLEMS, translations=TRANSLATIONS
    )
    postgres = Postgres(settings, application_name=NAME)
    service.holds(postgres)
    # Not held: leads are made, read and changed whether MongoDB answers or not. Only who erases one needs it.
    deleting = DeletionStore(postgres, Mongo(settings, application_name=NAME), source=NAME)
    service.closes(deleting.close)
    tokens = TokenReader(settings)
    sweeper = Sweeper(ForgettingStore(postgres), access_days=settings.access_log_days)
    service.runs(tokens, Standing(settings, service=NAME), sweeper)
    service.app.state.deps = LeadDeps(
        capturing=CaptureStore(postgres, source=NAME, limit=settings.capture_limit),
        listing=ListStore(postgres),
        changing=ChangeStore(postgres, source=NAME),
        converting=ConversionStore(postgres, source=NAME),
        editing=EditStore(postgres, source=NAME),
        deleting=deleting,
        grouping=GroupStore(postgres),
        defining=FieldStore(postgres),
        colleagues=ColleagueStore(postgres),
        placing=FormStore(postgres),
        read_token=tokens.read,
        clock=utc_now,
        capture_company_id=settings.capture_company_id,
        capture_limit=settings.capture_limit,
        trusted=read_networks(settings.trusted_proxies),
        most_bytes=settings.capture_body_bytes,
        exports=Shares(settings.exports_at_once),
        export_rows=settings.export_rows,
    )
    service.serves(router, *ROUTERS, stuck=never_stuck)
    return service


if __name__ == "__main__":
    hide_from_neighbours()
    forget_files_of_the_dead()
    build(Settings()).run()
