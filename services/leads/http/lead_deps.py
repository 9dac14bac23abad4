"""What the calls of leads need, made once by ``main``, and who calls."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from libs.common.clock import Clock
from libs.common.web.caller import Caller, InvalidToken
from libs.common.web.refusals import Refused
from libs.common.web.shares import Shares
from libs.common.web.signing_keys import KeysUnavailable
from services.leads.capturing.store import CaptureStore
from services.leads.changing.store import ChangeStore
from services.leads.colleagues.store import ColleagueStore
from services.leads.converting.store import ConversionStore
from services.leads.defining.store import FieldStore
from services.leads.deleting.store import DeletionStore
from services.leads.domain.client_address import Network
from services.leads.editing.store import EditStore
from services.leads.grouping.store import GroupStore
from services.leads.listing.store import ListStore
from services.leads.placing.store import FormStore

MODULE = "LEADS"

LeadId = Annotated[UUID, Path(description="The lead's id.")]

bearer = HTTPBearer(auto_error=False, description="JWT with `sub`, `company_id`, `permissions`.")


@dataclass(frozen=True, slots=True)
class LeadDeps:
    """Kept in ``app.state.deps``."""

    capturing: CaptureStore
    listing: ListStore
    changing: ChangeStore
    converting: ConversionStore
    editing: EditStore
    deleting: DeletionStore
    grouping: GroupStore
    defining: FieldStore
    colleagues: ColleagueStore
    placing: FormStore
    read_token: Callable[[str], Awaitable[Caller]]
    clock: Clock
    capture_company_id: int | None
    capture_limit: int
    trusted: tuple[Network, ...]
    most_bytes: int
    exports: Shares
    """Workbooks that may be made at the same time: each takes up the disk and a thread."""
    export_rows: int


async def lead_deps(request: Request) -> LeadDeps:
    deps: LeadDeps = request.app.state.deps
    return deps


LeadDepsDep = Annotated[LeadDeps, Depends(lead_deps)]


async def perhaps_signed_in(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)], deps: LeadDepsDep, request: Request
) -> Caller | None:
    """Return the caller, or None where nobody says who he is. Raises Refused (401) for a token that is not valid."""
    if credentials is None:
        if "authorization" in request.headers:  # whoever means to be somebody is not taken for nobody
            raise Refused("token_invalid")
        return None
    try:
        caller = await deps.read_token(credentials.credentials)
    except InvalidToken as error:
        structlog.contextvars.bind_contextvars(token=str(error))
        raise Refused("token_invalid") from None
    except KeysUnavailable:
        raise Refused("unavailable", "The identity provider is not answering.", retry_after=5) from None
    structlog.contextvars.bind_contextvars(company_id=caller.company_id)
    return caller


PerhapsCaller = Annotated[Caller | None, Depends(perhaps_signed_in)]


def check(caller: Caller, permission: str) -> None:
    """Raise Refused (403) when the caller lacks the permission."""
    if not caller.may(MODULE, permission):
        raise Refused("permission_missing", f"The token lacks {permission} on the module {MODULE}.")


def caller_with(permission: str) -> Callable[..., Awaitable[Caller]]:
    """Return a dependency: the caller, who has this permission."""

    async def allowed(caller: PerhapsCaller) -> Caller:
        if caller is None:
            raise Refused("token_missing")
        check(caller, permission)
        return caller

    return allowed


Viewer = Annotated[Caller, Depends(caller_with("VIEW_LEADS"))]
Editor = Annotated[Caller, Depends(caller_with("EDIT_LEADS"))]
Converter = Annotated[Caller, Depends(caller_with("CONVERT_LEADS"))]
Deleter = Annotated[Caller, Depends(caller_with("DELETE_LEADS"))]
Assigner = Annotated[Caller, Depends(caller_with("ASSIGN_LEADS"))]
