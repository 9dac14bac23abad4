"""Ends the imports that somebody canceled, wherever their chunks are: also while a stage is away."""

from collections.abc import Callable

from libs.common.errors import describe
from libs.common.periodic import Periodic
from libs.common.trouble import Trouble
from services.finalizer import handlers
from services.finalizer.store import Store


class Canceler(Periodic):
    """Looks every ``cancel_seconds``. Every finalizer does: the import's row decides which of them settles a chunk."""

    def __init__(self, store: Store, *, wake_relay: Callable[[], None], cancel_seconds: float) -> None:
        super().__init__()
        self.trouble = Trouble("canceler", service="finalizer")
        self._store = store
        self._wake_relay = wake_relay
        self._cancel_seconds = cancel_seconds

    def pause_seconds(self) -> float:
        return self._cancel_seconds

    async def turn(self) -> None:
        """Cancel; a server that is away is looked for again at the next turn."""
        try:
            await self.cancel_once()
            self.trouble.works()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next turn looks again
            self.trouble.fails(describe(error))

    async def cancel_once(self) -> None:
        """Settle what of canceled imports is no lead. A second run finds it settled."""
        for import_id in await self._store.canceled_imports():
            await handlers.settle_canceled(import_id, store=self._store, wake_relay=self._wake_relay)
