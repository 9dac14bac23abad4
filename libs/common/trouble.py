"""What fails at present: told once, with since when and why, instead of a line for each try."""

import time
from collections.abc import Callable

import structlog
from prometheus_client import Gauge

FAILING = Gauge(
    "leadflow_failing_seconds",
    "How long something that the service needs, or does beside its messages, has failed without a break. 0: it works.",
    ["service", "what"],
)
REMIND_SECONDS = 60.0
"""A trouble that stays the same is logged again after so long."""

log = structlog.get_logger()


class Trouble:
    """The state of one thing that may fail: a server, or work in the background.

    ``what`` names it for people, with its address where it has one: ``PostgreSQL at host:port``. The metric leaves the
    address out. A change of the reason is logged at once, what stays the same once a minute.
    """

    def __init__(self, what: str, *, service: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.what = what
        self._monotonic = monotonic
        self._why = ""
        self._since = 0.0
        self._told = 0.0
        FAILING.labels(service, what.partition(" at ")[0]).set_function(self._seconds)

    def fails(self, why: str, *, lasted: float = 0.0) -> None:
        """Note that it fails, and why: words without anything personal or secret. ``lasted``: for so long already."""
        now = self._monotonic()
        if not self._why:
            self._since = now - lasted
        if why != self._why or now - self._told >= REMIND_SECONDS:
            self._why, self._told = why, now
            log.warning("failing", what=self.what, why=why, seconds=round(now - self._since))

    def works(self) -> None:
        """Note that it works."""
        if self._why:
            log.info("works again", what=self.what, failed_seconds=round(self._seconds()))
        self._why = ""

    def lasting(self, seconds: float = 0.0) -> str | None:
        """Say what has failed for at least so many seconds, why and for how long; None when it has not."""
        lasted = self._seconds()
        return f"{self.what}: {self._why}, for {lasted:.0f} s" if self._why and lasted >= seconds else None

    def _seconds(self) -> float:
        return self._monotonic() - self._since if self._why else 0.0
