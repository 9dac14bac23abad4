"""POST /leads: without a token the public form, with one a lead of a user's own hand."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Header, Request, Response

from libs.common.web.caller import Caller
from libs.common.web.problems import tell_with_each_refusal
from libs.common.web.refusals import Refused
from services.leads.capturing.domain import CaptureBody, CreateBody, SentKey, captured, created
from services.leads.capturing.store import (
    WINDOW_SECONDS,
    KeyReused,
    LeadExists,
    LeadGone,
    NoSuchColleague,
    TooMany,
)
from services.leads.domain.client_address import client_address
from services.leads.http.lead_deps import LeadDeps, LeadDepsDep, PerhapsCaller, check
from services.leads.http.lead_views import CapturedView
from services.leads.http.sent_body import body_of, read_body
from services.leads.making.store import Captured

log = structlog.get_logger()

router = APIRouter(prefix="/api/v1", tags=["Leads"])

FormKey = Annotated[str | None, Header(max_length=64, description="Names the form, and so the company.")]


@router.post(
    "/leads", status_code=201, response_model=CapturedView, openapi_extra=body_of(CreateBody), summary="Make a lead"
)
async def post_lead(
    request: Request,
    caller: PerhapsCaller,
    deps: LeadDepsDep,
    x_form_key: FormKey = None,
    origin: Annotated[str | None, Header(max_length=300)] = None,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> Response:
    """Without a token: the public form of a site, ten an hour and address; the same person within the hour is answered
    the first lead. With one: a lead of the user's company, unless it has one with this phone or e-mail;
    `Idempotency-Key` with the same body makes one lead within 24 hours, however often it is sent.
    """
    if caller is not None:
        return await _create(request, caller, deps, idempotency_key)
    company_id, headers = await _company_of_form(deps, x_form_key, origin)
    # Or the page would not learn which field is wrong, nor when to send it again.
    tell_with_each_refusal(request, headers)
    lead = captured(await read_body(request, CaptureBody, most_bytes=deps.most_bytes))
    peer = request.client.host if request.client else None
    address = client_address(peer, request.headers.getlist("x-forwarded-for"), deps.trusted)
    limit = str(deps.capture_limit)
    try:
        made, left = await deps.capturing.capture(company_id, lead, address)
    except TooMany as error:
        raise Refused(
            "too_many_leads",
            retry_after=error.seconds,
            headers=_rate(limit, 0, error.seconds),
        ) from None
    log.info("captured", lead_id=str(made.id), company_id=company_id)
    return _answer(request, made, headers | _rate(limit, left, WINDOW_SECONDS))


@router.options("/leads", include_in_schema=False)
async def ask_leads(request: Request, deps: LeadDepsDep) -> Response:
    """Tell a browser whether a page of another origin may send a form (the Fetch standard's preflight)."""
    origin = request.headers.get("origin", "")
    if not origin or not await deps.capturing.is_origin_of_a_form(origin):
        raise Refused("origin_forbidden")
    allowed = {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "Content-Type, X-Form-Key, Accept-Language",
        "Access-Control-Max-Age": "600",
    }
    return Response(status_code=204, headers=_cors(origin) | allowed)


async def _create(request: Request, caller: Caller, deps: LeadDeps, key: str | None) -> Response:
    check(caller, "EDIT_LEADS")
    body = await read_body(request, CreateBody, most_bytes=deps.most_bytes)
    try:
        made = await deps.capturing.create(
            caller.company_id,
            created(body),
            user_id=caller.user_id,
            allow_duplicate=body.allow_duplicate,
            sent=SentKey.of(key, body),
        )
    except LeadExists as error:
        raise Refused("lead_exists", facts={"lead_id": str(error.lead_id)}) from None
    except NoSuchColleague:
        raise Refused("assignee_not_found") from None
    except KeyReused:
        raise Refused("idempotency_key_reused") from None
    except LeadGone:
        raise Refused("not_found", "The lead that this Idempotency-Key made was deleted.") from None
    log.info("created", lead_id=str(made.id))
    return _answer(request, made, {})


async def _company_of_form(deps: LeadDeps, key: str | None, origin: str | None) -> tuple[int, dict[str, str]]:
    """Return the company that the form is of, and the headers by which a browser shows the answer to its page."""
    if key is None:
        if deps.capture_company_id is None:
            raise Refused("token_missing")
        return deps.capture_company_id, {}
    form = await deps.capturing.form(key)
    if form is None:
        raise Refused("form_unknown")
    company_id, origins = form
    if origin is None:
        return company_id, {}
    if origin not in origins:
        raise Refused("origin_forbidden")
    return company_id, _cors(origin)


def _answer(request: Request, made: Captured, headers: dict[str, str]) -> Response:
    view = CapturedView.model_validate(made._asdict())
    located = headers | {"Location": f"{request.scope.get('root_path', '')}/api/v1/leads/{made.id}"}
    return Response(view.model_dump_json(), 201, headers=located, media_type="application/json")


def _cors(origin: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset",
        "Vary": "Origin",
    }


def _rate(limit: str, left: int, seconds: int) -> dict[str, str]:
    return {"RateLimit-Limit": limit, "RateLimit-Remaining": str(left), "RateLimit-Reset": str(seconds)}
