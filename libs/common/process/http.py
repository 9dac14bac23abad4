"""An HTTP service as a process: its application, its resources, its health checks, its end.

The counterpart of ``libs.common.process.consumer`` for services that answer calls.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI

from libs.common.errors import reason
from libs.common.kafka.asking import KafkaServer
from libs.common.kafka.broker import Broker, Partitioner, create_broker, stop_broker
from libs.common.kafka.watch import KafkaWatch
from libs.common.process.lifecycle import Lifecycle
from libs.common.process.logs import configure_logging
from libs.common.process.standing import Standing
from libs.common.settings import HttpSettings
from libs.common.traces import configure_tracing
from libs.common.version import VERSION
from libs.common.web.app import App
from libs.common.web.connections import BoundedHttp
from libs.common.web.documentation import documentation_routes
from libs.common.web.event_documentation import BESIDE_CALLS, event_documentation_routes
from libs.common.web.health import health_routes
from libs.common.web.private_port import PrivatePort, answer_once, public_health_routes
from libs.common.web.problems import NO_TRANSLATIONS, install_error_handlers
from libs.common.web.refusals import Problem, Translation

ASK_SECONDS = 4.0
"""How long readiness waits for a store's answer: the orchestrator waits 5 seconds for the answer of readiness."""
READY_SECONDS = 1.0
"""How old the answer of a readiness check may be: anybody may ask, and each look costs the stores a transaction."""
CORS_METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
CORS_REQUEST_HEADERS = (
    *("Accept-Language", "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID"),
    *("Traceparent", "Tracestate", "X-Form-Key", "X-Request-Id"),
)
CORS_ANSWER_HEADERS = (
    *("Content-Disposition", "Content-Language", "ETag", "Location", "Retry-After", "X-Request-Id", "X-Trace-Id"),
    *("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
)


class HttpService(Lifecycle):
    """One service that answers calls. Declare what it serves, holds and runs, then ``run``.

    ``problems`` are the service's refusals by code; every error is answered as problem+json. ``translations`` are the
    same in other languages.
    """

    def __init__(
        self,
        name: str,
        settings: HttpSettings,
        *,
        title: str,
        description: str,
        problems: Mapping[str, Problem],
        translations: Mapping[str, Translation] = NO_TRANSLATIONS,
    ) -> None:
        super().__init__(name)
        configure_logging(settings, service=name)
        configure_tracing(settings, service=name)
        self.settings = settings
        self._broker: Broker | None = None
        self._watch: KafkaWatch | None = None
        self._private: PrivatePort | None = None
        self.app = App(
            name,
            root_path=settings.http_root_path,
            title=title,
            version=VERSION,
            lifespan=self._lifespan,
            description=description,
            # FastAPI would also make a span for each step of a call, five in all, which cost more than the answer; the
            # one for the whole request is enough. And it would log errors with their messages, which may quote rows.
            telemetry={"operation_spans": False, "metrics": False, "logs": False},
        )
        install_error_handlers(self.app, problems, translations, service=name)
        self._answer_browsers()

    def connect_broker(self, *, partitioner: Partitioner | None = None) -> Broker:
        """Return the process' broker, which is started after all other resources and stopped before them.

        The service is ready without it: what it accepts waits in its stores until Kafka answers.
        """
        if self._broker is None:
            self._broker = create_broker(self.settings, service=self.name, partitioner=partitioner)
            self._watch = KafkaWatch(self._broker, self.settings, service=self.name)
            self.runs(self._watch, Standing(self.settings, service=self.name))
        return self._broker

    def serves(
        self,
        *routers: APIRouter,
        stuck: Callable[[], Awaitable[str | None]],
        events: Callable[[], Mapping[str, Any]] | None = None,
    ) -> None:
        """Answer these calls, health checks and metrics.

        ``stuck`` says why the service is not ready though its stores answer, or None. ``events`` makes the AsyncAPI
        document that is told beside the one of the calls.
        """

        async def why_not() -> str | None:
            return (None if self.reached else self.starting()) or await self._silent_store() or await stuck()

        for router in routers:
            self.app.include_router(router)
        asked = answer_once(why_not, seconds=READY_SECONDS)
        told = health_routes(asked, dead=self.dead, troubles=self.troubles)
        port = self.settings.http_private_port
        if port is not None:
            self._private = PrivatePort(told, host=self.settings.http_host, port=port)
            told = public_health_routes(asked, dead=self.dead)
        if events is not None:
            told = [*told, *event_documentation_routes(events, at=BESIDE_CALLS)]
        self.app.router.routes.extend([*told, *documentation_routes(self.app)])

    async def _silent_store(self) -> str | None:
        for store in self.stores:
            try:
                await store.ask(seconds=ASK_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, that is the reason
                return f"{store.place}: {reason(error)}"
        return None

    def dead(self) -> str | None:
        """Say also whether a consumer hears nothing of a Kafka that answers others."""
        return super().dead() or (None if self.stopping or self._watch is None else self._watch.stalled)

    def troubles(self) -> list[str]:
        """Say what fails and does not keep the service from answering calls.

        That is Kafka at the start, and afterwards what work in the background has failed at for so long that it does
        not pass by itself (``LEADFLOW_STUCK_AFTER_SECONDS``).
        """
        if not self.reached:
            return []
        return [*self.awaited(), *self.failing(lasting=self.settings.stuck_after_seconds)]

    def _answer_browsers(self) -> None:
        named = map(str.strip, self.settings.http_cors_origins.split(","))
        # As browsers write an origin, who copied it from an address bar or not.
        origins = [origin.rstrip("/").lower() for origin in named if origin]
        if origins:
            self.app.answers_pages(
                allow_origins=origins,
                allow_methods=CORS_METHODS,
                allow_headers=CORS_REQUEST_HEADERS,
                expose_headers=CORS_ANSWER_HEADERS,
            )

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        if self._broker is not None:
            self.connects(KafkaServer(self.settings), self._broker.start, close=partial(stop_broker, self._broker))
        # Before all else: who runs the service wants to know why it does not start.
        async with self._private or nullcontext(), self.running():
            yield

    def run(self) -> None:
        """Serve until SIGTERM.

        Exits with 3 when something of its own cannot start and with 70 when only a new start helps; never because a
        server is away.
        """
        self.serve(
            uvicorn.Config(
                self.app,
                http=BoundedHttp,
                # It would believe what anybody who reaches it from this machine says of addresses, as what passes a
                # call on from there may do for callers. Whom to believe is for each service to know.
                proxy_headers=False,
                host=self.settings.http_host,
                port=self.settings.http_port,
                log_config=None,
                access_log=False,
                timeout_keep_alive=self.settings.http_keep_alive_seconds,
                timeout_graceful_shutdown=self.settings.http_grace_seconds,
            )
        )
