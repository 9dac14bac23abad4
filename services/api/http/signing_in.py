"""Who calls, and what of the company's imports the caller may see."""

from typing import Annotated

import structlog
from fastapi import Depends, Header
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from libs.common.web.caller import Caller, InvalidToken
from libs.common.web.languages import wanted_language
from libs.common.web.refusals import Refused
from libs.common.web.signing_keys import KeysUnavailable
from libs.contracts.lead_import.words import LANGUAGES, Words, words
from services.api.http.deps import Deps, deps_of

MODULE, PERMISSION = "LEADS", "IMPORT_LEADS"

bearer = HTTPBearer(auto_error=False, description="JWT with `sub`, `company_id`, `permissions`.")


async def known(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    deps: Annotated[Deps, Depends(deps_of)],
) -> Caller:
    """Return the caller, whatever that may do. Raises Refused (401) without a valid token."""
    if credentials is None:
        raise Refused("token_missing")
    try:
        caller = await deps.read_token(credentials.credentials)
    except InvalidToken as error:
        structlog.contextvars.bind_contextvars(token=str(error))
        raise Refused("token_invalid") from None
    except KeysUnavailable:
        raise Refused("unavailable", "The identity provider is not answering.", retry_after=5) from None
    structlog.contextvars.bind_contextvars(company_id=caller.company_id)
    return caller


TokenDep = Annotated[Caller, Depends(known)]


async def signed_in(caller: TokenDep) -> Caller:
    """Return the caller. Raises Refused: 401 without a valid token, 403 without the permission."""
    if not caller.may(MODULE, PERMISSION):
        raise Refused("permission_missing", f"The token lacks {PERMISSION} on the module {MODULE}.")
    return caller


CallerDep = Annotated[Caller, Depends(signed_in)]


async def words_of(accept_language: Annotated[str | None, Header()] = None) -> Words:
    """Return the catalogue in the caller's language."""
    return words(wanted_language(accept_language, LANGUAGES))


WordsDep = Annotated[Words, Depends(words_of)]
