"""What a transaction is told before its first statement goes to the server with its BEGIN: one way there and back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

_BEGIN = "BEGIN"


class Opened(asyncpg.Connection):  # type: ignore[misc]
    """A connection whose next transaction begins with a statement."""

    _opening = ""

    @contextmanager
    def begins_with(self, opening: str) -> Iterator[None]:
        """Have the transaction that begins within open with this statement; none that begins later does."""
        self._opening = opening
        try:
            yield
        finally:
            self._opening = ""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - the driver's
        """Do what the driver does. It begins each transaction by this call, with no arguments."""
        if not self._opening or not query.startswith(_BEGIN):
            return await super().execute(query, *args, timeout=timeout)
        try:
            return await super().execute(f"{query} {self._opening}", timeout=timeout)
        except BaseException:
            # The driver knows of no transaction, and the server may be in one: that would be the next one's.
            self.terminate()
            raise


def quoted(value: str) -> str:
    """Return a text as SQL writes it: this statement goes without parameters."""
    return "'" + value.replace("'", "''") + "'"
