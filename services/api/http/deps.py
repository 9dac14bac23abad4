"""What the calls need, made once by ``main``."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from libs.common.web.auth import Caller
from services.api.accepting.acceptor import Acceptor
from services.api.http.store import Store
from services.api.http.streams import Streams
from services.api.http.upload import UploadSlots


@dataclass(frozen=True, slots=True)
class Deps:
    """Kept in ``app.state.deps``."""

    store: Store
    acceptor: Acceptor
    streams: Streams
    read_token: Callable[[str], Awaitable[Caller]]
    uploads: UploadSlots
    upload_seconds: float


async def deps_of(request: Request) -> Deps:
    # A plain function would be run in a thread: on a busy machine that waits for a core twice.
    deps: Deps = request.app.state.deps
    return deps


DepsDep = Annotated[Deps, Depends(deps_of)]
