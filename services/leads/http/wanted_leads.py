"""Which leads a call means: the parameters of the list, for whatever is made of it."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, AwareDatetime

from libs.common.messages import Id
from libs.common.web.caller import Caller
from libs.common.web.digits import Digits
from libs.common.web.refusals import Detail, Refused, named, shown
from libs.contracts.leads.events import Channel, LeadStatus
from services.leads.domain.custom_fields import Value, read_value
from services.leads.domain.lead_filter import LeadFilter
from services.leads.http.lead_deps import LeadDeps, LeadDepsDep, Viewer

CUSTOM = "custom."
WITHOUT_NUL = r"^[^\x00]*$"
"""PostgreSQL takes no text with the character. Of a body it is taken out (``sent_body``); what is looked for with it no
lead has."""
Text = Annotated[str | None, Query(min_length=1, max_length=255, pattern=WITHOUT_NUL)]


def _in_utc(moment: datetime) -> datetime:
    """Return the same moment as stores are told of it. Raises ValueError where its year is no longer of four digits."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC, years go from 0001 to 9999") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


async def wanted_leads(
    request: Request,
    caller: Viewer,
    deps: LeadDepsDep,
    status: LeadStatus | None = None,
    source: Text = None,
    assigned_to: Annotated[Id | None, Query(), Digits] = None,
    channel: Channel | None = None,
    import_id: Annotated[Id | None, Query(), Digits] = None,
    list_id: UUID | None = None,
    tag: Text = None,
    created_from: Moment | None = None,
    created_to: Moment | None = None,
    q: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=255,
            pattern=WITHOUT_NUL,
            description="Beginnings of words, or a phone. Also: `custom.KEY`.",
        ),
    ] = None,
) -> LeadFilter:
    return LeadFilter(
        status=status,
        source=source,
        assigned_to=assigned_to,
        channel=channel,
        import_id=import_id,
        list_id=list_id,
        tag=tag,
        created_from=created_from,
        created_to=created_to,
        q=q,
        custom=await _custom(request, caller, deps),
    )


WantedLeads = Annotated[LeadFilter, Depends(wanted_leads)]


async def _custom(request: Request, caller: Caller, deps: LeadDeps) -> dict[str, Value]:
    """Return the values of the parameters ``custom.KEY``. Raises Refused with each that no lead can have."""
    asked = {name: value for name, value in request.query_params.items() if name.startswith(CUSTOM)}
    if not asked:
        return {}
    types = await deps.defining.types(caller.company_id)
    found: dict[str, Value] = {}
    wrong: list[Detail] = []
    for name, text in asked.items():
        key = name.removeprefix(CUSTOM)
        value = read_value(text, types[key]) if key in types else None
        if value is None:
            wrong.append(
                Detail("field_unknown", "The company has no such field, or none of this type.", parameter=shown(name))
            )
        else:
            found[key] = value
    if wrong:
        names = named(each.parameter or "" for each in wrong)
        raise Refused("request_invalid", f"Not valid: {names}.", errors=wrong[:100], total_errors=len(wrong))
    return found
