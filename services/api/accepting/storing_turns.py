"""Whose upload is stored next: those of one account one after another, and no company takes all connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from libs.common.web.refusals import Refused
from libs.common.web.shares import PlacesInTurn

WAIT_SECONDS = 15.0
"""How long an upload waits for its turn: a dozen of its account before it, each with all the rows that it may have."""
RETRY_SECONDS = 5


class Account(NamedTuple):
    """An account of a company."""

    company_id: int
    account_id: int


class StoringTurns:
    """Hands out turns to store an upload, of the ``connections`` that the process has to its database.

    The database lets those of one account store one after another, whichever process they came to. Whoever waits there
    for it holds a connection, and a lock that another process keeps would make uploads of one account hold all. So they
    wait here, before they take one; and of companies with many accounts each leaves some to others, and all together
    one to those who only read.
    """

    def __init__(self, connections: int, *, seconds: float = WAIT_SECONDS) -> None:
        self._line = PlacesInTurn(max(1, connections - 1))
        self._seconds = seconds

    @asynccontextmanager
    async def one(self, company_id: int, account_id: int) -> AsyncIterator[None]:
        """Hold a turn of the account during the block. Raises Refused ``busy`` when there is none in time."""
        account = Account(company_id, account_id)
        try:
            async with asyncio.timeout(self._seconds):
                await self._line.take(company_id, only=account)
        except TimeoutError:
            raise Refused("busy", retry_after=RETRY_SECONDS) from None
        try:
            yield
        finally:
            self._line.give_back(company_id, only=account)
