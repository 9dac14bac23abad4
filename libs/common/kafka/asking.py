"""Asks Kafka whether it would take our work, before anything is read or published."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaConnectionError

from libs.common.errors import BadDay, reason
from libs.common.kafka.clients import kafka_admin
from libs.common.settings import KafkaSettings

ASK_SECONDS = 5.0
"""How long ``ask`` waits for each broker of the list; its caller asks again."""


class KafkaServer:
    """The cluster that the settings name. ``place`` is what it is and where, for people: ``Kafka at host:port``."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.place = f"Kafka at {settings.kafka_bootstrap}"
        self._settings = settings

    async def ask(self, *, seconds: float = ASK_SECONDS) -> None:
        """Return when a broker of the list answers who we are. Raises aiokafka's KafkaError, or BadDay with its reason.

        For the start of a process: the address, the user and the password are right.
        """
        admin = kafka_admin(self._settings, client_id="leadflow-asks", request_timeout_ms=int(seconds * 1000))
        with _last_refusal() as said:
            try:
                await admin.start()
            except KafkaConnectionError as error:
                raise BadDay(said[-1] if said else reason(error)) from error
            finally:
                await admin.close()


@contextmanager
def _last_refusal() -> Iterator[list[str]]:
    """Collect why brokers could not be reached. aiokafka says it in its log alone: what it raises says only that."""
    said: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.args[-1] if isinstance(record.args, tuple) and record.args else None
            if isinstance(error, Exception):
                said.append(reason(error))

    logger, listening = logging.getLogger("aiokafka"), Listening()
    logger.addHandler(listening)
    try:
        yield said
    finally:
        logger.removeHandler(listening)
