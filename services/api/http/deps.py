"""What the calls need, made once by ``main``."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from libs.common.web.caller import Caller
from libs.common.web.shares import Shares
from services.api.accepting.acceptor import Acceptor
from services.api.http.before_store import BeforeStore
from services.api.http.store import Store
from services.api.http.streams import Streams
from services.api.previewing.previewer import Previewer


@dataclass(frozen=True, slots=True)
class Deps:
    """Kept in ``app.state.deps``."""

    store: Store
    acceptor: Acceptor
    previewer: Previewer
    streams: Streams
    before: BeforeStore
    read_token: Callable[[str], Awaitable[Caller]]
    uploads: Shares
    """Uploads that are received, wait or are read, by company."""
    upload_seconds: float
    reports: Shares
    """Files for download that are made and sent, by company."""


async def deps_of(request: Request) -> Deps:
    # Declared async although it awaits nothing: FastAPI runs a plain function in a thread, and on a busy machine the
    # call would wait twice for a core, on the way there and on the way back.
    deps: Deps = request.app.state.deps
    return deps


DepsDep = Annotated[Deps, Depends(deps_of)]
