"""Live progress: wakes the streams of an import when one of its chunks is created, and when it ends."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """What one stream waits for: ``happened`` whatever it is, ``ended`` the import's end alone."""

    happened: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def clear(self) -> None:
        self.happened.clear()
        self.ended.clear()


class Live:
    """Streams by import. Every api replica reads every event, so that any of them can serve any stream."""

    def __init__(self) -> None:
        self._streams: dict[int, set[Watch]] = defaultdict(set)

    @contextmanager
    def watch(self, import_id: int) -> Iterator[Watch]:
        """Yield the watch of one stream."""
        watch = Watch()
        self._streams[import_id].add(watch)
        try:
            yield watch
        finally:
            self._streams[import_id].discard(watch)
            if not self._streams[import_id]:
                del self._streams[import_id]

    def notify(self, import_id: int, *, ended: bool = False) -> None:
        for watch in self._streams.get(import_id, ()):
            watch.happened.set()
            if ended:
                watch.ended.set()
