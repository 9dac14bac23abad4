"""Whose upload is stored next: those of one account one after another, and no company takes all connections."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from libs.common.web.refusals import Refused
from libs.common.web.shares import Shares

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
        self._places = Shares(max(1, connections - 1))
        self._seconds = seconds
        self._storing: set[Account] = set()
        self._waiting: deque[tuple[Account, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def one(self, company_id: int, account_id: int) -> AsyncIterator[None]:
        """Hold a turn of the account during the block. Raises Refused ``busy`` when there is none in time."""
        account = Account(company_id, account_id)
        await self._turn(account)
        try:
            yield
        finally:
            self._give_back(account)

    async def _turn(self, account: Account) -> None:
        """Wait until the account may store, and take its turn."""
        if self._may(account):
            self._take(account)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine = (account, turn)
        self._waiting.append(mine)
        try:
            async with asyncio.timeout(self._seconds):
                await turn
        except (asyncio.CancelledError, TimeoutError) as error:
            if turn.done() and not turn.cancelled():
                self._give_back(account)
            if isinstance(error, TimeoutError):
                raise Refused("busy", retry_after=RETRY_SECONDS) from None
            raise
        finally:
            with suppress(ValueError):
                self._waiting.remove(mine)

    def _may(self, account: Account) -> bool:
        return account not in self._storing and self._places.has_one_for(account.company_id)

    def _take(self, account: Account) -> None:
        self._places.take(account.company_id)
        self._storing.add(account)

    def _give_back(self, account: Account) -> None:
        self._storing.remove(account)
        self._places.give_back(account.company_id)
        while ready := [each for each in self._waiting if not each[1].done() and self._may(each[0])]:
            # The first of equals came first.
            chosen = min(ready, key=lambda each: self._places.held_by(each[0].company_id))
            self._waiting.remove(chosen)
            self._take(chosen[0])
            chosen[1].set_result(None)
