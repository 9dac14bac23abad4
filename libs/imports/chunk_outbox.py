"""The chunks that wait, as a source of the relay."""

import uuid
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.clock import Clock, utc_now
from libs.common.outbox.source import Outgoing, Room
from libs.contracts.lead_import.internal.chunk_keys import chunk_key, chunk_subject
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED
from libs.imports import chunk_sending, chunks_waiting
from libs.imports.chunk_states import ClaimedChunk, Place, Window


class ChunkOutbox:
    """Gives as many chunks as the windows of their imports leave room for. ``service`` is whose relay sends them."""

    kind = "chunk"

    def __init__(self, window: Window, *, service: str, clock: Clock = utc_now) -> None:
        self._window = window
        self._service = service
        self._clock = clock

    async def claim(self, connection: AsyncConnection, *, lease: uuid.UUID, room: Room) -> list[Outgoing]:
        """Lease the chunks that may be sent now, first chunks first, so that no import waits for another's last."""
        chunks = await chunk_sending.claim(connection, lease=lease, window=self._window, room=room)
        return [self._outgoing(chunk) for chunk in chunks]

    async def published(self, connection: AsyncConnection, messages: Sequence[Outgoing], *, lease: uuid.UUID) -> None:
        """Note that the chunks are in flight."""
        await chunk_sending.mark_sent(connection, [message.id for message in messages], lease=lease)

    async def postponed(
        self, connection: AsyncConnection, messages: Sequence[tuple[Outgoing, float]], *, lease: uuid.UUID
    ) -> None:
        """Give chunks back, each to be claimed again in so many seconds. Their imports' next chunks take their turn."""
        await chunk_sending.release(connection, [(message.id, seconds) for message, seconds in messages], lease=lease)

    async def waiting(self, connection: AsyncConnection, messages: Sequence[Outgoing]) -> set[Place]:
        """Return which of the chunks are not sent yet."""
        return await chunks_waiting.among(connection, [message.id for message in messages])

    def _outgoing(self, chunk: ClaimedChunk) -> Outgoing:
        subject = chunk_subject(chunk.import_id, chunk.chunk_index, chunk.accepted_at)
        headers = CHUNK_ACCEPTED.headers(subject, source=self._service, time=self._clock())
        if chunk.traceparent:
            headers["traceparent"] = chunk.traceparent
        return Outgoing(
            id=(chunk.import_id, chunk.chunk_index),
            topic=CHUNK_ACCEPTED.name,
            key=chunk_key(chunk.import_id, chunk.chunk_index),
            headers=headers,
            payload=chunk.payload,
        )
