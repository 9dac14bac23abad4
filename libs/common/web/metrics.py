"""What is counted of the calls that a service answers. Labels are routes and codes: bounded, and never personal."""

import time
from collections.abc import Callable

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_SECONDS = Histogram(
    "leadflow_http_request_seconds",
    "From a request's head to the end of its answer, by the call's path as the document has it, method and status."
    " Streams of events last as long as their client reads.",
    ["service", "method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
REFUSED = Counter(
    "leadflow_http_refused_total", "Calls that were refused, by the code of their problem.", ["service", "code"]
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "none"
"""What is asked of no call of ours, or does not get that far: a path of the caller's own is no label."""
NO_STATUS = "none"
"""The client went before there was an answer."""


class Measured:
    """Around an application: observes each request when its answer has ended."""

    def __init__(self, app: ASGIApp, *, service: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._service = service
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = self._monotonic(), NO_STATUS

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            REQUEST_SECONDS.labels(self._service, method, route, status).observe(self._monotonic() - began)
