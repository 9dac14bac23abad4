"""``ETag`` and ``If-Match`` (RFC 9110, sections 8.8.3 and 13.1.1): a lead's version, between quotation marks."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from fastapi import Header

from libs.common.web.caller import Caller
from libs.common.web.refusals import Refused
from services.leads.http.lead_deps import LeadDeps
from services.leads.http.one_lead import shown_lead
from services.leads.recording.store import Expected, MovedOn

IfMatch = Annotated[
    str | None,
    Header(max_length=500, description="The `ETag` of the lead as you know it: 412 when it was changed meanwhile."),
]
_VERSION = re.compile(r'"(\d{1,10})"', re.ASCII)


def etag(version: int) -> str:
    return f'"{version}"'


def expected_versions(if_match: str | None) -> Expected:
    """Return the versions that the caller has in mind; None when any will do.

    What is no version of ours, or is weak, is like none: comparison is strong.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = (_VERSION.fullmatch(each.strip()) for each in if_match.split(","))
    return frozenset(int(each[1]) for each in found if each)


@asynccontextmanager
async def unless_moved_on(deps: LeadDeps, caller: Caller, lead_id: UUID) -> AsyncIterator[None]:
    """Refuse (412) with the lead as it is now, where it is none of the versions that the caller has in mind."""
    try:
        yield
    except MovedOn:
        lead = await shown_lead(deps, caller, lead_id)
        facts = {"lead": lead.model_dump(mode="json")}
        raise Refused("moved_on", facts=facts, headers={"ETag": etag(lead.version)}) from None
