"""Forgets, turn by turn, who was shown which lead and which addresses used a form."""

from datetime import timedelta

import structlog

from libs.common.errors import describe
from libs.common.periodic import Periodic
from libs.common.trouble import Trouble
from services.leads.forgetting.store import ForgettingStore

SWEEP_SECONDS = 60.0
BETWEEN_PORTIONS_SECONDS = 1.0
"""What others do with the database goes on meanwhile."""

log = structlog.get_logger()


class Sweeper(Periodic):
    """A portion of each a turn. Every process does: what one is at, another one passes over."""

    def __init__(self, store: ForgettingStore, *, access_days: float) -> None:
        super().__init__()
        self.trouble = Trouble("forgetting", service="leads")
        self._store = store
        self._access = timedelta(days=access_days)
        self._has_more = False

    def pause_seconds(self) -> float:
        return BETWEEN_PORTIONS_SECONDS if self._has_more else SWEEP_SECONDS

    async def turn(self) -> None:
        """Forget; a server that is away is looked for again at the next turn."""
        try:
            access, hits = await self._store.forget_access(self._access), await self._store.forget_hits()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next turn looks again
            self._has_more = False
            self.trouble.fails(describe(error))
            return
        self.trouble.works()
        self._has_more = max(access, hits) >= self._store.most
        if access or hits:
            log.info("forgotten", access=access, hits=hits)
