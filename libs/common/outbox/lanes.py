"""Lanes: which partitions take messages now, and for how long to leave one alone that does not. No I/O.

A partition that failed is left alone for a pause that doubles each time. Then one message tries it, and the others wait
for what becomes of that. So one that is away holds up its own messages, and no more of the relay than one publication.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 20.0
TRIAL_SECONDS = 5.0
"""How long others wait while one message tries a partition that failed before."""
QUIET_SECONDS = 120.0
"""After so long in which nothing was sent there, what is known of a lane may be out of date."""
FULL_SECONDS = 1.0
"""How long the next one waits when a lane is full."""

Lane = tuple[str, int | None]
"""Topic and partition; None while the topic's partitions are not known."""


@dataclass(slots=True)
class _State:
    messages: int = 0
    size: int = 0
    failures: int = 0
    closed_until: float = 0.0
    known_at: float = 0.0
    error: Exception | None = None


class Lanes:
    """What one relay has on its way to each partition. A lane takes so many messages, and so many bytes, at most."""

    def __init__(self, *, most_messages: int, most_bytes: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._monotonic = monotonic
        self._states: dict[Lane, _State] = {}

    def wait(self, lane: Lane) -> float:
        """Return for how many seconds no message may be sent there: 0.0, now it may."""
        state = self._states.get(lane)
        if state is None:
            return 0.0
        if state.failures:
            if state.messages:
                return TRIAL_SECONDS
            return max(0.0, state.closed_until - self._monotonic())
        full = state.messages >= self._most_messages or state.size >= self._most_bytes
        return FULL_SECONDS if full else 0.0

    def trouble(self, lane: Lane) -> Exception | None:
        """Return why the lane is closed, or None when it is open: for what was to be sent when it closed."""
        state = self._states.get(lane)
        return state.error if state is not None and self._monotonic() < state.closed_until else None

    def failing(self) -> tuple[Lane, Exception] | None:
        """Return a lane that failed last and why."""
        return next(((lane, state.error) for lane, state in self._states.items() if state.error is not None), None)

    def quiet(self) -> list[Lane]:
        """Return the lanes that failed last, and that nothing was sent to for ``QUIET_SECONDS``: others may have."""
        now = self._monotonic()
        return [
            lane
            for lane, state in self._states.items()
            if state.error is not None and not state.messages and now - state.known_at > QUIET_SECONDS
        ]

    def forget(self, lane: Lane) -> None:
        """Note that what failed there last has arrived, by another relay."""
        del self._states[lane]

    def still_fails(self, lane: Lane) -> None:
        """Note that what failed there last has not arrived yet; it is not quiet for ``QUIET_SECONDS``."""
        self._states[lane].known_at = self._monotonic()

    def is_slow(self, lane: Lane) -> bool:
        """Tell whether a message that is sent there now may take long: it failed last, or others are on their way."""
        return lane in self._states

    def sent(self, lane: Lane, size: int) -> None:
        """Note that a message of so many bytes is on its way."""
        state = self._states.setdefault(lane, _State())
        state.messages += 1
        state.size += size

    def arrived(self, lane: Lane, size: int) -> None:
        """Note that Kafka answered for one, whether it took or refused it: the partition is there."""
        state = self._ended(lane, size)
        state.failures, state.closed_until, state.error = 0, 0.0, None
        if not state.messages:
            del self._states[lane]

    def failed(self, lane: Lane, size: int, error: Exception) -> float:
        """Note that the partition did not take one; return for how many seconds it is left alone.

        Those that were on their way at the same time fail together, and count as one failure.
        """
        state, now = self._ended(lane, size), self._monotonic()
        if now >= state.closed_until:
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(state.failures, 30))
            state.failures, state.closed_until, state.error = state.failures + 1, now + pause, error
        state.known_at = now
        return state.closed_until - now

    def _ended(self, lane: Lane, size: int) -> _State:
        state = self._states[lane]
        state.messages -= 1
        state.size -= size
        return state
