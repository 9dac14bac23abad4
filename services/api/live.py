"""Live progress: wakes the streams of an import when one of its chunks is created, and when it ends."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Live:
    """Streams by import. Every api replica reads every event, so that any of them can serve any stream."""

    def __init__(self) -> None:
        self._streams: dict[int, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def watch(self, import_id: int) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever something happens to the import."""
        happened = asyncio.Event()
        self._streams[import_id].add(happened)
        try:
            yield happened
        finally:
            self._streams[import_id].discard(happened)
            if not self._streams[import_id]:
                del self._streams[import_id]

    def notify(self, import_id: int) -> None:
        for happened in self._streams.get(import_id, ()):
            happened.set()
