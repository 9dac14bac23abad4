"""A consumer service as a process: its broker, its resources, its health checks, its end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import uvicorn
from faststream.specification import AsyncAPI
from starlette.applications import Starlette

from libs.common.kafka.asking import KafkaServer
from libs.common.kafka.broker import Broker, Partitioner, create_broker, stop_broker
from libs.common.kafka.delivery import EXIT_BAD_DEPLOY, Delivery
from libs.common.kafka.health import ConsumerHealth
from libs.common.kafka.new_groups import place_new_groups
from libs.common.kafka.startup_checks import check_subscribers
from libs.common.kafka.watch import KafkaWatch
from libs.common.process.lifecycle import Lifecycle
from libs.common.process.logs import configure_logging
from libs.common.process.standing import Standing
from libs.common.settings import ServiceSettings
from libs.common.topics import DeadLetters
from libs.common.traces import configure_tracing
from libs.common.web.connections import BoundedHttp
from libs.common.web.event_documentation import event_documentation_routes
from libs.common.web.health import health_routes


class ConsumerService(Lifecycle):
    """One consumer service. Declare subscribers on ``broker``, then ``run``.

    ``dead_letters``: where messages go that it cannot process. A service gives those of its own owner, also for the
    topics of other owners that it reads.
    """

    def __init__(
        self,
        name: str,
        settings: ServiceSettings,
        *,
        dead_letters: DeadLetters,
        partitioner: Partitioner | None = None,
    ) -> None:
        super().__init__(name)
        configure_logging(settings, service=name)
        configure_tracing(settings, service=name)
        self.settings = settings
        self.delivery = Delivery(settings, service=name, dead_letters=dead_letters, on_bad_deploy=self._bad_deploy)
        self.broker: Broker = create_broker(settings, service=name, delivery=self.delivery, partitioner=partitioner)
        self.health = ConsumerHealth(self.broker, self.delivery, settings)
        self._watch = KafkaWatch(self.broker, settings, service=name)

    def _bad_deploy(self) -> None:
        self.end(EXIT_BAD_DEPLOY)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Answer health checks at once and start meanwhile; stop after the message in hand.

        Raises UnsafeSubscriber when a subscriber could lose messages.
        """
        check_subscribers(self.broker)
        topics = [topic for each in self.broker.subscribers for topic in getattr(each, "topic_names", ())]
        self.delivery.count_from_zero(topics)
        # The broker starts when all that handlers need is there, and is closed before that goes.
        self.connects(KafkaServer(self.settings), self._start_broker, close=partial(stop_broker, self.broker))
        self.runs(self._watch, Standing(self.settings, service=self.name))
        async with self.running():
            yield
            self.delivery.stop_waiting()

    async def _start_broker(self) -> None:
        await place_new_groups(self.broker, self.settings)
        await self.broker.start()

    async def stuck(self) -> str | None:
        """Return why this process is not ready, or None.

        Its start goes on, one of its consumers is stuck, or its work in the background has failed for so long.
        """
        return (
            self.starting()
            or await self.health.stuck()
            or next(iter(self.failing(lasting=self.settings.stuck_after_seconds)), None)
        )

    def dead(self) -> str | None:
        """Say also which consumer has ended, or hears nothing of a Kafka that answers others."""
        return super().dead() or (None if self.stopping else self.health.dead() or self._watch.stalled)

    def app(self) -> Starlette:
        """Return the ASGI application: health checks, metrics, and AsyncAPI at ``/docs/events``."""
        messages = event_documentation_routes(self._messages)
        routes = [*health_routes(self.stuck, dead=self.dead), *messages]
        return Starlette(routes=routes, lifespan=self.lifespan)

    def _messages(self) -> dict[str, Any]:
        """Return the AsyncAPI document of what this service reads and writes."""
        described: dict[str, Any] = (
            AsyncAPI(self.broker, title=f"leadflow-{self.name}").to_specification().to_jsonable()
        )
        return described

    def run(self) -> None:
        """Serve until SIGTERM.

        Exits with 78 after a bad deploy and with 70 when only a new start helps; never because a server is away.
        """
        self.serve(
            uvicorn.Config(
                self.app(),
                http=BoundedHttp,
                proxy_headers=False,
                host=self.settings.http_host,
                port=self.settings.http_port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=5,
            )
        )
