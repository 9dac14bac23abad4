"""What the calls need, made once by ``main``."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from libs.common.auth import Caller
from services.api.accept import Acceptor
from services.api.store import Store
from services.api.streams import Streams
from services.api.upload import UploadSlots


@dataclass(frozen=True, slots=True)
class Deps:
    """Kept in ``app.state.deps``."""

    store: Store
    acceptor: Acceptor
    streams: Streams
    read_token: Callable[[str], Awaitable[Caller]]
    uploads: UploadSlots
    upload_seconds: float
