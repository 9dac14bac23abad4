"""What the calls need, made once by ``main``."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from libs.common.web.caller import Caller
from libs.common.web.shares import PlacesInTurn, Shares
from services.api.accepting.acceptor import Acceptor
from services.api.http.before_store import BeforeStore
from services.api.http.store import Store
from services.api.http.streams import Streams
from services.api.previewing.previewer import Previewer

READS_AT_ONCE = 4
"""Large answers that are read and made at the same time. One company alone makes two: the loop writes one down while a
store finds the other. With more of them it would only come round later to those who ask for little, or upload."""


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
    reads: PlacesInTurn = field(default_factory=lambda: PlacesInTurn(READS_AT_ONCE))
    """Large answers, and parts of files, that are read and made, by company: others of the company wait for them."""


async def deps_of(request: Request) -> Deps:
    # Declared async although it awaits nothing: FastAPI runs a plain function in a thread, and on a busy machine the
    # call would wait twice for a core, on the way there and on the way back.
    deps: Deps = request.app.state.deps
    return deps


DepsDep = Annotated[Deps, Depends(deps_of)]
