"""A TCP proxy in front of a real server: it passes everything on, late, or not at all."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

PIECE = 64 * 1024


class Proxy:
    """Listens on a port of its own, in a thread of its own, so that a busy test delays nobody.

    ``answer_seconds`` is how late each piece of an answer comes.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._links: set[asyncio.Task[None]] = set()
        self._mute: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy of {port}", daemon=True)
        self.answer_seconds = 0.0
        self.cuts = 0
        """Connections that were cut while they were in use."""
        self.port = 0

    def start(self) -> None:
        self._thread.start()
        self.port = self._call(self._listen())

    def stop(self) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def cut(self) -> int:
        """Cut every connection now, whatever is under way; return how many there were."""
        return self._call(self._cut())

    def swallow(self) -> int:
        """From now on pass nothing on in the connections that there are, and say nothing; return how many they are.

        So do boxes on the way that have forgotten a connection which was idle for long. New connections are passed on.
        """
        return self._call(self._swallow())

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._cut()

    async def _cut(self) -> int:
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        self.cuts += len(links)
        return len(links)

    async def _swallow(self) -> int:
        self._mute |= self._links
        return len(self._links)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of its own: the server's own tasks report a cancellation as an error.
        link = asyncio.create_task(self._link(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)
        link.add_done_callback(self._mute.discard)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends, cut = [writer], True
        try:
            with suppress(OSError):
                answers, server = await asyncio.open_connection("127.0.0.1", self._target)
                ends.append(server)
                link = asyncio.current_task()
                asking = asyncio.create_task(self._pass_on(reader, server, link))
                answering = asyncio.create_task(self._answer(answers, writer, link))
                try:
                    await asyncio.wait((asking, answering), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in (asking, answering):
                        task.cancel()
                    await asyncio.gather(asking, answering, return_exceptions=True)
            cut = False
        finally:
            for end in ends:
                if cut:
                    end.transport.abort()  # a reset: what was on its way is lost
                else:
                    end.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: asyncio.Task[None] | None
    ) -> None:
        while piece := await reader.read(PIECE):
            if link in self._mute:
                continue
            writer.write(piece)
            await writer.drain()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: asyncio.Task[None] | None
    ) -> None:
        while piece := await reader.read(PIECE):
            if link in self._mute:
                continue
            if self.answer_seconds:
                await asyncio.sleep(self.answer_seconds)
            writer.write(piece)
            await writer.drain()
