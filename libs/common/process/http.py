"""An HTTP service as a process: its application, its resources, its health checks, its end.

The counterpart of ``libs.common.process.consumer`` for services that answer calls.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

import uvicorn
from fastapi import APIRouter, FastAPI
from faststream.kafka import KafkaBroker
from starlette.middleware.cors import CORSMiddleware

from libs.common.kafka.broker import Partitioner, create_broker, stop_broker
from libs.common.process.lifecycle import Lifecycle
from libs.common.process.logs import configure_logging
from libs.common.settings import HttpSettings
from libs.common.traces import configure_tracing
from libs.common.version import VERSION
from libs.common.web.app import App
from libs.common.web.connections import BoundedHttp
from libs.common.web.documentation import documentation_routes
from libs.common.web.health import health_routes
from libs.common.web.private_port import PrivatePort, answer_once, public_health_routes
from libs.common.web.problems import install_error_handlers
from libs.common.web.refusals import Problem

READY_SECONDS = 1.0
"""How old the answer of a readiness check may be: anybody may ask, and each look costs the stores a transaction."""
CORS_METHODS = ("GET", "HEAD", "POST", "DELETE")
CORS_REQUEST_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-Request-Id")
CORS_ANSWER_HEADERS = ("Content-Disposition", "Location", "Retry-After", "X-Request-Id", "X-Trace-Id")


class HttpService(Lifecycle):
    """One service that answers calls. Declare what it serves, holds and runs, then ``run``.

    ``problems`` are the service's refusals by code; every error is answered as problem+json.
    """

    def __init__(
        self,
        name: str,
        settings: HttpSettings,
        *,
        title: str,
        description: str,
        problems: Mapping[str, Problem],
    ) -> None:
        super().__init__()
        configure_logging(settings, service=name)
        configure_tracing(settings, service=name)
        self.name = name
        self.settings = settings
        self._broker: KafkaBroker | None = None
        self.app = App(
            root_path=settings.http_root_path,
            title=title,
            version=VERSION,
            lifespan=self._lifespan,
            description=description,
            # FastAPI would also make a span for each step of a call, five in all, which cost more than the answer; the
            # one for the whole request is enough. And it would log errors with their messages, which may quote rows.
            telemetry={"operation_spans": False, "metrics": False, "logs": False},
        )
        install_error_handlers(self.app, problems)
        self._answer_browsers()

    def connect_broker(self, *, partitioner: Partitioner | None = None) -> KafkaBroker:
        """Return the process' broker, which is started after all other resources and stopped before them."""
        if self._broker is None:
            self._broker = create_broker(self.settings, service=self.name, partitioner=partitioner)
        return self._broker

    def serves(self, router: APIRouter, *, stuck: Callable[[], Awaitable[str | None]]) -> None:
        """Answer these calls, health checks and metrics. ``stuck`` says why the service is not ready, or None."""
        self.app.include_router(router)
        asked = answer_once(stuck, seconds=READY_SECONDS)
        port = self.settings.http_private_port
        if port is None:
            self.app.router.routes.extend(health_routes(asked))
        else:
            private = PrivatePort(health_routes(asked), host=self.settings.http_host, port=port)
            self.starts(private.start, close=private.close)
            self.app.router.routes.extend(public_health_routes(asked))
        self.app.router.routes.extend(documentation_routes(self.app))

    def _answer_browsers(self) -> None:
        origins = [origin.strip() for origin in self.settings.http_cors_origins.split(",") if origin.strip()]
        if origins:
            self.app.add_middleware(
                CORSMiddleware,
                allow_origins=origins,
                allow_methods=CORS_METHODS,
                allow_headers=CORS_REQUEST_HEADERS,
                expose_headers=CORS_ANSWER_HEADERS,
            )

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        if self._broker is not None:
            # Declared last, so that it starts when all that its messages need is there, and is closed before that goes.
            self.starts(self._broker.start, close=partial(stop_broker, self._broker))
        async with self.running():
            yield

    def run(self) -> None:
        """Serve until SIGTERM. Exits with 3 when the service cannot start."""
        uvicorn.run(
            self.app,
            http=BoundedHttp,
            host=self.settings.http_host,
            port=self.settings.http_port,
            log_config=None,
            access_log=False,
            timeout_keep_alive=self.settings.http_keep_alive_seconds,
            timeout_graceful_shutdown=self.settings.http_grace_seconds,
        )
