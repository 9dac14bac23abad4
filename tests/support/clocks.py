"""A clock that stands still until a test moves it."""


class Clock:
    """Seconds of a clock that is never set back. ``now`` is what it shows."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds
