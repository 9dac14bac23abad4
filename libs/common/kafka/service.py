"""A consumer service as a process: its broker, its resources, its health checks, its end."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import structlog
import uvicorn
from faststream.asgi import AsgiFastStream
from faststream.kafka import KafkaBroker
from starlette.applications import Starlette

from libs.common.health import health_routes
from libs.common.kafka.broker import create_broker
from libs.common.kafka.delivery import EXIT_BAD_DEPLOY, Delivery
from libs.common.kafka.health import ConsumerHealth
from libs.common.kafka.startup_checks import check_subscribers
from libs.common.observability import configure_logging, configure_tracing
from libs.common.settings import ServiceSettings

log = structlog.get_logger()


class Background(Protocol):
    """Work beside the handlers, such as a relay."""

    async def run(self) -> None: ...

    def stop(self) -> None: ...


class Service:
    """One consumer service. Declare subscribers on ``broker``, then ``run``."""

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        configure_logging(settings, service=name)
        configure_tracing(settings, service=name)
        self.name = name
        self.settings = settings
        self.exit_code = 0
        self.delivery = Delivery(settings, service=name, on_bad_deploy=self._bad_deploy)
        self.broker: KafkaBroker = create_broker(settings, service=name, delivery=self.delivery)
        self.health = ConsumerHealth(self.broker, self.delivery, settings, service=name)
        self._server: uvicorn.Server | None = None
        self._closing: list[Callable[[], Awaitable[None]]] = []
        self._background: list[Background] = []

    def closes(self, *resources: Callable[[], Awaitable[None]]) -> None:
        """Call these when the service has stopped, last one first."""
        self._closing.extend(resources)

    def runs(self, *background: Background) -> None:
        """Run these beside the handlers."""
        self._background.extend(background)

    def _bad_deploy(self) -> None:
        self.exit_code = EXIT_BAD_DEPLOY
        if self._server is not None:
            self._server.should_exit = True

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        check_subscribers(self.broker)
        tasks = [asyncio.create_task(work.run(), name=type(work).__name__) for work in self._background]
        log.info("starting")
        try:
            yield
        finally:
            self.delivery.stop_waiting()
            for work in self._background:
                work.stop()
            await asyncio.gather(*tasks, return_exceptions=True)
            for close in reversed(self._closing):
                await close()
            log.info("stopped")

    def app(self) -> AsgiFastStream:
        """Return the ASGI application: health checks, metrics, and AsyncAPI at ``/docs/events``."""
        routes = health_routes(self.health.stuck)
        health = Starlette(routes=routes)
        return AsgiFastStream(
            self.broker,
            lifespan=self.lifespan,
            on_shutdown=[self.delivery.stop_waiting],
            logger=None,
            asgi_routes=[(route.path, health) for route in routes],
            asyncapi_path="/docs/events",
        )

    def run(self) -> None:
        """Serve until SIGTERM; finish the message in hand first. Exits with 78 after a bad deploy."""
        config = uvicorn.Config(
            self.app(),
            host=self.settings.http_host,
            port=self.settings.http_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._server.run()
        if self.exit_code or not self._server.started:
            sys.exit(self.exit_code or 1)
