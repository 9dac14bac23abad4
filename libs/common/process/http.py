"""An HTTP service as a process: its application, its resources, its health checks, its end.

The counterpart of ``libs.common.process.consumer`` for services that answer calls.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

import uvicorn
from fastapi import APIRouter, FastAPI

from libs.common.errors import reason
from libs.common.kafka.asking import KafkaServer
from libs.common.kafka.broker import Broker, Partitioner, create_broker, stop_broker
from libs.common.kafka.watch import KafkaWatch
from libs.common.process.lifecycle import Lifecycle
from libs.common.process.logs import configure_logging
from libs.common.settings import ServiceSettings
from libs.common.traces import configure_tracing
from libs.common.version import VERSION
from libs.common.web.connections import BoundedHttp
from libs.common.web.health import health_routes
from libs.common.web.problems import install_error_handlers
from libs.common.web.refusals import Problem

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection is kept open for its next request. Load balancers keep theirs for 60 seconds, and must
be the ones who close: when the service closes first, the balancer may send a request at that very moment, and its
caller gets a connection reset for an answer."""
ASK_SECONDS = 4.0
"""How long readiness waits for a store's answer: the orchestrator waits 5 seconds for the answer of readiness."""
ANSWERS_GRACE_SECONDS = 20
"""How long a stop waits for the answers that are being given. What comes after it, closing the broker, may take another
25 seconds; the manifests let a service be killed after 60."""


class HttpService(Lifecycle):
    """One service that answers calls. Declare what it serves, holds and runs, then ``run``.

    ``problems`` are the service's refusals by code; every error is answered as problem+json.
    """

    def __init__(
        self,
        name: str,
        settings: ServiceSettings,
        *,
        title: str,
        description: str,
        problems: Mapping[str, Problem],
    ) -> None:
        super().__init__(name)
        configure_logging(settings, service=name)
        configure_tracing(settings, service=name)
        self.settings = settings
        self._broker: Broker | None = None
        self.app = FastAPI(
            title=title,
            version=VERSION,
            lifespan=self._lifespan,
            description=description,
            # FastAPI would also make a span for each step of a call, five in all, which cost more than the answer; the
            # one for the whole request is enough. And it would log errors with their messages, which may quote rows.
            telemetry={"operation_spans": False, "metrics": False, "logs": False},
        )
        install_error_handlers(self.app, problems)

    def connect_broker(self, *, partitioner: Partitioner | None = None) -> Broker:
        """Return the process' broker, which is started after all other resources and stopped before them.

        The service is ready without it: what it accepts waits in its stores until Kafka answers.
        """
        if self._broker is None:
            self._broker = create_broker(self.settings, service=self.name, partitioner=partitioner)
            self.runs(KafkaWatch(self._broker, self.settings, service=self.name))
        return self._broker

    def serves(self, router: APIRouter, *, stuck: Callable[[], Awaitable[str | None]]) -> None:
        """Answer these calls, health checks and metrics.

        ``stuck`` says why the service is not ready though its stores answer, or None.
        """

        async def why_not() -> str | None:
            return (None if self.reached else self.starting()) or await self._silent_store() or await stuck()

        self.app.include_router(router)
        self.app.router.routes.extend(health_routes(why_not, dead=self.dead, troubles=self.troubles))

    async def _silent_store(self) -> str | None:
        for store in self.stores:
            try:
                await store.ask(seconds=ASK_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, that is the reason
                return f"{store.place}: {reason(error)}"
        return None

    def troubles(self) -> list[str]:
        """Say what fails and does not keep the service from answering calls.

        That is Kafka at the start, and afterwards what work in the background has failed at for so long that it does
        not pass by itself (``LEADFLOW_STUCK_AFTER_SECONDS``).
        """
        if not self.reached:
            return []
        return [*self.awaited(), *self.failing(lasting=self.settings.stuck_after_seconds)]

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        if self._broker is not None:
            self.connects(KafkaServer(self.settings), self._broker.start, close=partial(stop_broker, self._broker))
        async with self.running():
            yield

    def run(self) -> None:
        """Serve until SIGTERM. Exits with 3 when something of its own cannot start; never because a server is away."""
        self.serve(
            uvicorn.Config(
                self.app,
                http=BoundedHttp,
                host=self.settings.http_host,
                port=self.settings.http_port,
                log_config=None,
                access_log=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=ANSWERS_GRACE_SECONDS,
            )
        )
