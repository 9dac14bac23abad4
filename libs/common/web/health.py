"""The routes that an orchestrator asks: alive, ready, metrics."""

from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

# Series that say since when a counter counts: nobody asks for them, and they are half of all lines.
disable_created_metrics()  # type: ignore[no-untyped-call]


def _nothing() -> None:
    return None


def _none() -> list[str]:
    return []


def health_routes(
    stuck: Callable[[], Awaitable[str | None]],
    *,
    dead: Callable[[], str | None] = _nothing,
    troubles: Callable[[], list[str]] = _none,
) -> list[Route]:
    """Return ``/health/live``, ``/health/ready`` and ``/metrics``.

    ``/health/ready`` asks whether the process can do its work: 503 with the reason that ``stuck`` gives, else 200, also
    with ``troubles``: what fails without keeping it from its work.

    ``/health/live`` asks whether a new start would help. It answers 503 only when this process alone is to blame: when
    work of its own has ended (``dead``). It gives no answer, which counts as the same, when something holds the event
    loop. It never fails because a server is away: all processes would be killed at once, again and again, in the middle
    of their messages, and none of that brings the server back.
    """

    async def live(request: Request) -> Response:
        reason = dead()
        if reason is None:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "dead", "reason": reason}, status_code=503)

    async def ready(request: Request) -> Response:
        reason, failing = await stuck(), troubles()
        body: dict[str, object] = {"status": "ok"} if reason is None else {"status": "not ready", "reason": reason}
        if failing:
            body["troubles"] = failing
        return JSONResponse(body, status_code=200 if reason is None else 503)

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", metrics)]
