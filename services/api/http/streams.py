"""The server-sent events of imports: read and written once for all who watch the same one."""

import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from sse_starlette import ServerSentEvent

from libs.common.periodic import pause
from libs.common.web.caller import Caller
from libs.common.web.refusals import Refused
from libs.contracts.lead_import.events import ImportStatus
from libs.contracts.lead_import.topics import IMPORT_FINISHED
from services.api.http.live import Live
from services.api.http.shared_reads import SharedReads
from services.api.http.store import Scope, scope_of
from services.api.http.views import finished_event, import_detail

POLL_SECONDS = 2.0
"""How long a stream sleeps at most. Events of Kafka wake it; what was missed while the consumer reconnected is seen
when the time is over."""
LEAST_PAUSE_SECONDS = 0.2
"""How long a stream says nothing after a progress. Dozens of chunks of a large import end within a second, and nobody
can see more than five changes of it. The import's end is told at once."""
LONGEST_PAUSE_SECONDS = 1.0
STEPS = 30
"""Changes of a whole import that its watchers see, where it lasts some seconds: what is told takes of the same
processors as what it is about, in the browser, too, and a bar that goes on by less looks no livelier."""

Found = Mapping[str, Any]

_TOLD = {
    *("id", "status", "total_rows", "total_created", "total_existing", "total_errors", "canceled", "progress"),
    *("reasons", "parent_id", "child_ids", "rate", "eta_seconds", "queue_position", "server_time"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its id, and itself as it is sent."""

    id: str
    sent: bytes


@dataclass(frozen=True, slots=True)
class Moment:
    """An import as its watchers are told of it at one time; ``end`` once it has ended."""

    progress: Event
    end: Event | None
    pause: float
    """Seconds in which nothing more of its progress is said."""


def moment_of(found: Found) -> Moment:
    """Return the events that say what the store found."""
    view = import_detail(found)
    told = view.model_dump_json(include=_TOLD)
    progress = _event("progress", f"progress-{view.progress.chunks_settled}-{view.progress.processed_rows}", told)
    lasts = view.total_rows / view.rate if view.rate else 0.0
    pause = min(max(lasts / STEPS, LEAST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
    if view.status == ImportStatus.PROCESSING:
        return Moment(progress, None, pause)
    end_id = f"finished-{view.id}-{found['revision']}"
    return Moment(progress, _event(IMPORT_FINISHED.event_type, end_id, finished_event(found).model_dump_json()), pause)


def _event(kind: str, event_id: str, data: str) -> Event:
    return Event(event_id, ServerSentEvent(event=kind, id=event_id, data=data, sep="\n").encode())


class Streams:
    """Those who watch imports. ``read`` returns an import of a scope as the store has it, or None.

    A user has ``most`` streams at a time. ``now`` returns seconds since 1970.
    """

    def __init__(
        self,
        read: Callable[[Scope, int], Awaitable[Found | None]],
        live: Live,
        *,
        most: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._read = read
        self._live = live
        self._moments = SharedReads(self._moment)
        self._most = most
        self._now = now
        self._of_user: Counter[tuple[int, int]] = Counter()

    async def look(self, scope: Scope, import_id: int) -> Moment | None:
        """Return the import's moment, or None outside the scope."""
        return await self._moments.get((scope, import_id))

    def check_room(self, caller: Caller) -> None:
        """Raise Refused when the user watches as many imports as one may."""
        if self._of_user[caller.company_id, caller.user_id] >= self._most:
            raise Refused("streams_too_many", f"You watch {self._most} imports at a time already.", retry_after=5)

    async def events(
        self, caller: Caller, import_id: int, moment: Moment | None, last_event_id: str | None
    ) -> AsyncGenerator[bytes, None]:
        """Yield a ``progress`` whenever more rows have ended, then ``lead:import-finished``, and end.

        A client that reconnects with ``Last-Event-ID`` does not get the progress again that it has seen. The stream
        ends with its token, and at once when the user has too many: several may have been let in at the same moment.
        """
        user = (caller.company_id, caller.user_id)
        if self._of_user[user] >= self._most:
            return
        self._of_user[user] += 1
        try:
            async with aclosing(self._events(caller, import_id, moment, last_event_id)) as events:
                async for event in events:
                    yield event
        finally:
            self._of_user[user] -= 1
            if not self._of_user[user]:
                del self._of_user[user]

    async def _events(
        self, caller: Caller, import_id: int, moment: Moment | None, last_event_id: str | None
    ) -> AsyncGenerator[bytes, None]:
        scope = scope_of(caller)
        seen = last_event_id
        with self._live.watch(import_id) as watch:
            while moment is not None:
                if moment.progress.id != seen:
                    yield moment.progress.sent
                    seen = moment.progress.id
                if moment.end is not None:
                    yield moment.end.sent
                    return
                await pause(self._within(caller, moment.pause), until=watch.ended)
                await pause(self._within(caller, POLL_SECONDS), until=watch.happened)
                watch.clear()
                if self._within(caller, 1.0) <= 0:
                    return
                moment = await self.look(scope, import_id)

    def _within(self, caller: Caller, seconds: float) -> float:
        """Return so many seconds, or how long the caller's token is still good for."""
        if caller.expires_at is None:
            return seconds
        return min(seconds, max(0.0, caller.expires_at - self._now()))

    async def _moment(self, asked: tuple[Scope, int]) -> Moment | None:
        found = await self._read(*asked)
        return None if found is None else moment_of(found)
