"""The server-sent events of one import."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from sse_starlette import ServerSentEvent

from libs.common.events.lead_import import ImportStatus
from libs.common.events.topics import IMPORT_FINISHED
from services.api.domain.view import finished_event, import_view
from services.api.live import Live

POLL_SECONDS = 2.0
"""An event of Kafka wakes the stream; this catches what was missed while reconnecting."""
LEAST_PAUSE_SECONDS = 0.2
"""Chunks of a large import end by the dozen a second; a person needs no more than five looks."""

Found = Mapping[str, Any]


def has_seen_the_end(found: Found, last_event_id: str | None) -> bool:
    """Tell whether the client's last event was this import's last one."""
    return bool(last_event_id) and last_event_id == _end_id(found)


def _end_id(found: Found) -> str | None:
    if found["status"] == ImportStatus.PROCESSING:
        return None
    return f"finished-{found['id']}-{found['revision']}"


async def events(
    found: Found, again: Callable[[], Awaitable[Found | None]], live: Live, last_event_id: str | None
) -> AsyncIterator[ServerSentEvent]:
    """Yield a ``progress`` whenever more rows have ended, then ``lead:import-finished``, and end.

    A client that reconnects with ``Last-Event-ID`` does not get the progress again that it has seen.
    """
    seen = last_event_id
    current: Found | None = found
    with live.watch(found["id"]) as happened:
        while current is not None:
            view = import_view(current)
            event_id = f"progress-{view.progress.chunks_settled}-{view.progress.processed_rows}"
            if event_id != seen:
                yield ServerSentEvent(event="progress", id=event_id, data=_progress_json(current), sep="\n")
                seen = event_id
            end_id = _end_id(current)
            if end_id is not None:
                data = finished_event(current).model_dump_json()
                yield ServerSentEvent(event=IMPORT_FINISHED.event_type, id=end_id, data=data, sep="\n")
                return
            await asyncio.sleep(LEAST_PAUSE_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(happened.wait(), POLL_SECONDS)
            happened.clear()
            current = await again()


def _progress_json(found: Found) -> str:
    view = import_view(found)
    return view.model_dump_json(
        include={"id", "status", "total_rows", "total_created", "total_existing", "total_errors", "progress"}
    )
