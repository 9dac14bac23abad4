"""Files that are made while they are sent, however large: memory stays flat, and nothing is left behind."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, aclosing
from pathlib import Path
from typing import Any, Protocol

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from libs.common.web.temporary_files import temporary_folder

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"

Portions = AsyncGenerator[list[list[str]], None]
"""Rows of cells, as many together as are read together."""


class MadeFile(StreamingResponse):
    """A file that is made while it is sent. However that ends, ``place`` and its files are given back.

    Takes ``place`` as the last step of being made, so that nothing comes between that and the sending that gives it
    back. Raises Refused when there is none.
    """

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], place: AbstractContextManager[None], **options: Any
    ) -> None:
        super().__init__(pieces, **options)
        self._pieces = pieces
        self._place = place
        place.__enter__()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._place.__exit__(None, None, None)
            await self._pieces.aclose()


class Workbook(Protocol):
    """What rows are added to in a folder of its own."""

    def add(self, rows: Iterable[list[str]]) -> None: ...

    def finish(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


async def lines(
    header: bytes, portions: Portions, written: Callable[[list[list[str]]], bytes]
) -> AsyncGenerator[bytes, None]:
    """Yield a file of lines; ``written`` makes them of rows, in a thread."""
    yield header
    async with aclosing(portions):
        async for rows in portions:
            yield await asyncio.to_thread(written, rows)


async def workbook(opened: Callable[[Path], Workbook], portions: Portions) -> AsyncGenerator[bytes, None]:
    """Yield a workbook that is written into a folder first: ``opened`` begins it there."""
    with temporary_folder() as folder:
        # In threads: a large workbook takes seconds, which would hold every other request.
        book = await asyncio.to_thread(opened, Path(folder))
        try:
            async with aclosing(portions):
                async for rows in portions:
                    await asyncio.to_thread(book.add, rows)
            async for block in iterate_in_threadpool(book.finish()):
                yield block
        finally:
            book.close()
