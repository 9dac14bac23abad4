"""Crash points: every await of a handler on a store or the broker, before and after its effect.

A crash is a ``BaseException``, so no handler's own error handling sees it: like a process that dies, what was
committed stays and what was not is gone.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.imports.chats import CHATS, chats_of

T = TypeVar("T")


class Crash(BaseException):
    """The process died here."""


class CrashPlan:
    """Counts points, and crashes at the ``nth`` one of each life; a life ends with its crash.

    ``points`` are counted from 1 within a life. An empty plan never crashes and only counts.
    """

    def __init__(self, *points: int) -> None:
        self.planned = points
        self._points = list(points)
        self.passed = 0
        self.crashes = 0
        self.trail: list[str] = []

    def point(self, what: str) -> None:
        """Pass a point, or raise Crash there."""
        self.passed += 1
        self.trail.append(what)
        if self._points and self.passed == self._points[0]:
            self._points.pop(0)
            self.passed = 0
            self.crashes += 1
            raise Crash(what)

    @property
    def crashes_next(self) -> bool:
        """Tell whether the next point is where the process dies."""
        return bool(self._points) and self.passed + 1 == self._points[0]

    async def around(self, what: str, effect: Callable[[], Awaitable[T]]) -> T:
        """Run an effect with a point before and one after it."""
        await self.reach(f"before {what}")
        result = await effect()
        await self.reach(f"after {what}")
        return result

    async def reach(self, what: str) -> None:
        """Pass a point at which the process may also stand still for a while."""
        self.point(what)


class CrashingConnection:
    """An SQLAlchemy connection as the stores use it."""

    def __init__(self, connection: AsyncConnection, plan: CrashPlan) -> None:
        self._connection = connection
        self._plan = plan

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        what = " ".join(statement.text.split()[:4])
        return await self._plan.around(what, lambda: self._connection.execute(statement, parameters))


class CrashingPostgres(Postgres):
    """Crashes at statements and around commits. Shares the pool of a real one."""

    def __init__(self, postgres: Postgres, plan: CrashPlan) -> None:
        self.engine = postgres.engine
        self._postgres = postgres
        self._plan = plan

    @asynccontextmanager
    async def transaction(
        self,
        *,
        company_id: int | None = None,
        by_index: bool = False,
        in_order: bool = False,
        lock_seconds: float | None = None,
    ) -> AsyncIterator[Any]:
        wanted = self._postgres.transaction(
            company_id=company_id, by_index=by_index, in_order=in_order, lock_seconds=lock_seconds
        )
        async with wanted as connection:
            yield CrashingConnection(connection, self._plan)
            await self._plan.reach("before COMMIT")
        await self._plan.reach("after COMMIT")


class CrashingChats:
    """The collection of chats as the stores use it; an insert or a delete may also die half way."""

    def __init__(self, mongo: Mongo, plan: CrashPlan) -> None:
        self._chats = chats_of(mongo)
        self._plan = plan

    async def find(self, *arguments: Any) -> AsyncIterator[dict[str, Any]]:
        await self._plan.reach("before find chats")
        async for chat in self._chats.find(*arguments):
            yield chat

    async def delete_many(self, which: dict[str, Any]) -> Any:
        ids = which.get("_id", {}).get("$in", ())
        if self._plan.crashes_next and len(ids) > 1:
            await self._chats.delete_many(which | {"_id": {"$in": ids[: len(ids) // 2]}})
        await self._plan.reach("amid delete chats")
        return await self._plan.around("delete chats", lambda: self._chats.delete_many(which))

    async def insert_many(self, documents: Sequence[dict[str, Any]], **options: Any) -> Any:
        if self._plan.crashes_next and len(documents) > 1:
            await self._chats.insert_many(documents[: len(documents) // 2], **options)
        await self._plan.reach("amid insert chats")
        return await self._plan.around("insert chats", lambda: self._chats.insert_many(documents, **options))


class CrashingMongo(Mongo):
    """Crashes at the chats' calls. Shares the client of a real one."""

    def __init__(self, mongo: Mongo, plan: CrashPlan) -> None:
        self.client = mongo.client
        self._mongo = mongo
        self._plan = plan

    def collection(self, name: str) -> Any:
        if name != CHATS:
            raise AssertionError(f"the collection {name} has no crash points")
        return CrashingChats(self._mongo, self._plan)
