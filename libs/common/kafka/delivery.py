"""What happens to a message whose handler raised: one middleware owns backoff, dead letters and giving up.

A bad day waits with jittered backoff and is tried again for ever; a bad message goes to the dead letter at
once; one that is not finished comes again at once; an error that we did not foresee is tried again for half a minute
first. Too many bad messages in a row stop the service. It hooks ``after_processed``, because errors of FastStream's
parser pass no other hook.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, MessageSizeTooLargeError
from faststream import BaseMiddleware
from faststream.kafka import KafkaBroker

from libs.common.errors import BadDeploy, NotFinished, describe, is_bad_day, is_bad_message, retry_kind
from libs.common.kafka.clients import topic_in_kafka
from libs.common.kafka.dead_letter import dead_letter_headers, dead_letter_key
from libs.common.kafka.metrics import DEAD_LETTERED, IN_A_ROW, RETRIES
from libs.common.periodic import pause
from libs.common.settings import KafkaSettings
from libs.common.topics import DeadLetters
from libs.common.traces import trace_id_of

UNFORESEEN_ATTEMPTS = 3
"""At least so many, however long each takes; ``unforeseen_seconds`` says for how long at least."""

EXIT_BAD_DEPLOY = 78
"""Exit code that a supervisor must not answer with a restart (EX_CONFIG)."""

LONGEST_SUBJECT = 100
"""Characters of a subject that stand in a line of the log. Ours are numbers; others may write to a topic, too."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Tries:
    """What was tried at one record so far. Bad days are counted apart: they say nothing about the message."""

    offset: int
    all: int = 0
    bad_days: int = 0
    unforeseen: int = 0
    unforeseen_since: float = 0.0
    trouble: str = ""
    """The last bad day, in words."""
    trouble_since: float = 0.0


class Delivery:
    """The policy and state of one process; ``on_bad_deploy`` is called once, to stop the service."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        service: str,
        dead_letters: DeadLetters,
        on_bad_deploy: Callable[[], None],
        jitter: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._service = service
        self.dead_letters = dead_letters
        self._on_bad_deploy = on_bad_deploy
        self._jitter = jitter
        self._monotonic = monotonic
        self._tries: dict[tuple[str, int], _Tries] = {}
        self._bad_in_a_row = 0
        IN_A_ROW.labels(service).set_function(lambda: self._bad_in_a_row)
        self._gave_up = False
        self._stopping = asyncio.Event()
        self._broker: KafkaBroker | None = None
        self.progress: Counter[tuple[str, int]] = Counter()
        """Messages settled so far, well or badly, and steps of long ones, by topic and partition: readiness watches."""

    def connect(self, broker: KafkaBroker) -> None:
        self._broker = broker

    def count_from_zero(self, topics: Iterable[str]) -> None:
        """Say from the start that none of these topics' messages was given up on.

        A number that begins with the first ones has not grown in the eyes of whoever asks now and then.
        """
        for topic in topics:
            DEAD_LETTERED.labels(self._service, topic)

    def stop_waiting(self) -> None:
        """End every backoff now: the service is stopping, the message stays un-acked."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        """Tell a handler with a long work that it should hand back what it has (``NotFinished``)."""
        return self._stopping.is_set()

    def trouble(self, place: tuple[str, int], *, lasting: float) -> str | None:
        """Say why the head of a partition, (topic, partition), has been waiting for so many seconds, or None."""
        tries = self._tries.get(place)
        if tries is None or not tries.trouble:
            return None
        seconds = self._monotonic() - tries.trouble_since
        return f"{tries.trouble}, for {seconds:.0f} s" if seconds >= lasting else None

    def _tries_at(self, record: ConsumerRecord[Any, Any]) -> _Tries:
        place = (record.topic, record.partition)
        tries = self._tries.get(place)
        if tries is None or tries.offset != record.offset:
            tries = self._tries[place] = _Tries(record.offset)
        tries.all += 1
        return tries

    def succeeded(self, record: ConsumerRecord[Any, Any]) -> None:
        if not self._gave_up:
            self._bad_in_a_row = 0
        self._settled(record)

    async def failed(self, record: ConsumerRecord[Any, Any], error: Exception) -> bool:
        """Wait or dead-letter. Return True when the record is done with, False when it must come again.

        Raises BadDeploy when too many messages in a row were bad.
        """
        if isinstance(error, NotFinished):
            # A step of a long work counts as a message that was settled: readiness sees that this consumer gets on.
            self._settled(record)
            return False
        tries = self._tries_at(record)
        if is_bad_day(error):
            tries.bad_days += 1
            tries.trouble, tries.trouble_since = describe(error), tries.trouble_since or self._monotonic()
            await self._try_again(record, error, attempts=tries.bad_days)
            return False
        tries.trouble, tries.trouble_since = "", 0.0
        if not is_bad_message(error):
            tries.unforeseen += 1
            tries.unforeseen_since = tries.unforeseen_since or self._monotonic()
            if tries.unforeseen < UNFORESEEN_ATTEMPTS or not self._is_over(tries):
                await self._try_again(record, error, attempts=tries.unforeseen)
                return False
        if record.topic == topic_in_kafka(self._settings, self.dead_letters.topic):
            log.error("unreadable dead letter left in its topic", offset=record.offset, error=describe(error))
            return True
        if self._gave_up or self._bad_in_a_row >= self._settings.bad_messages_in_a_row:
            await self._give_up(record, error)
        await self._dead_letter(record, error, tries.all)
        self._bad_in_a_row += 1
        self._settled(record)
        return True

    def _is_over(self, tries: _Tries) -> bool:
        return self._monotonic() - tries.unforeseen_since >= self._settings.unforeseen_seconds

    async def _try_again(self, record: ConsumerRecord[Any, Any], error: Exception, *, attempts: int) -> None:
        RETRIES.labels(self._service, record.topic, retry_kind(error)).inc()
        await self.back_off(record, error, attempts=attempts)

    def _settled(self, record: ConsumerRecord[Any, Any]) -> None:
        place = (record.topic, record.partition)
        self._tries.pop(place, None)
        self.progress[place] += 1

    async def back_off(self, record: ConsumerRecord[Any, Any], error: Exception, *, attempts: int) -> None:
        """Wait, or return earlier after ``stop_waiting``.

        The wait doubles with each attempt, from 0.2 seconds up to ``backoff_max_seconds``; half of it is random.
        """
        longest = min(self._settings.backoff_max_seconds, 0.1 * 2 ** min(attempts, 20))
        seconds = longest * (0.5 + self._jitter() / 2)
        log.warning(
            "attempt failed, waiting",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            attempt=attempts,
            seconds=round(seconds, 2),
            error=describe(error),
        )
        await pause(seconds, until=self._stopping)

    async def _give_up(self, record: ConsumerRecord[Any, Any], error: Exception) -> NoReturn:
        if not self._gave_up:
            self._gave_up = True
            log.critical("too many bad messages in a row, stopping", topic=record.topic, error=describe(error))
            # They went in a second. Whoever looks at the metrics now and then would find a process that had none yet,
            # and then one that is gone.
            await pause(self._settings.bad_deploy_told_seconds, until=self._stopping)
            self._on_bad_deploy()
        # Were the error raised now, FastStream would start its loop again and read on, while the service is only
        # about to stop. So the message is held here until it stops.
        await self._stopping.wait()
        raise BadDeploy

    async def _dead_letter(self, record: ConsumerRecord[Any, Any], error: Exception, attempts: int) -> None:
        if self._broker is None:
            raise RuntimeError("Delivery.connect was not called")
        letters = self.dead_letters
        headers = dead_letter_headers(record, error, dead_letters=letters, service=self._service, attempts=attempts)
        key = dead_letter_key(record, letters)
        try:
            await self._broker.publish(record.value or b"", topic=letters.topic, key=key, headers=headers)
        except MessageSizeTooLargeError:
            # The headers that say why have made the message larger than Kafka takes. So its bytes are dropped: a
            # letter that can never be sent would hold its partition for ever.
            headers["x-dropped-bytes"] = str(len(record.value or b""))
            await self._broker.publish(b"", topic=letters.topic, key=key, headers=headers)
        DEAD_LETTERED.labels(self._service, record.topic).inc()
        log.error(
            "message dead-lettered",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            attempt=attempts,
            error=describe(error),
        )


class DeliveryMiddleware(BaseMiddleware[Any, Any]):
    """Hands every finished message to ``Delivery``."""

    policy: Delivery

    @classmethod
    def with_policy(cls, policy: Delivery) -> type["DeliveryMiddleware"]:
        return type("BoundDeliveryMiddleware", (cls,), {"policy": policy})

    async def on_receive(self) -> None:
        if isinstance(self.msg, ConsumerRecord):
            name_in_logs(self.msg)

    async def after_processed(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> bool | None:
        if not isinstance(self.msg, ConsumerRecord):
            return False
        if exc_val is None:
            self.policy.succeeded(self.msg)
            return False
        if not isinstance(exc_val, Exception):
            return False
        done = False
        try:
            done = await self.policy.failed(self.msg, exc_val)
        except Exception as error:  # noqa: BLE001 - whatever it is, the message must stay un-acked
            # Kafka itself refused the dead letter: the message stays un-acked, so nothing is lost. It comes again after
            # a long pause, as after the eighth attempt (13 to 26 s), because this is nothing that passes soon.
            await self.policy.back_off(self.msg, error, attempts=8)
        finally:
            if not done:
                self._come_again(self.msg)
        if done:
            await self._commit()
        return done

    def _come_again(self, record: ConsumerRecord[Any, Any]) -> None:
        # FastStream can't nack what its parser could not read: it would read on, and the next message's commit would
        # count this one as done.
        subscriber = self.context.get_local("handler_")
        if subscriber is not None and subscriber.consumer is not None:
            with suppress(IllegalStateError):  # the partition has moved, and the message with it
                subscriber.consumer.seek(TopicPartition(record.topic, record.partition), record.offset)

    async def _commit(self) -> None:
        # FastStream can't acknowledge what its parser could not read, either. Unless a good message follows, whose
        # commit covers this one, it would count as lag for ever.
        subscriber = self.context.get_local("handler_")
        if subscriber is not None and subscriber.consumer is not None:
            await subscriber.consumer.commit()


def name_in_logs(record: ConsumerRecord[Any, Any]) -> None:
    """Have each line that is logged from now on name its message and the trace of it, also of one that we cannot read.

    A consumer's loop is one task: what the message before has bound is replaced.
    """
    headers = dict(record.headers)
    subject = headers.get("ce_subject", b"").decode(errors="replace")[:LONGEST_SUBJECT]
    structlog.contextvars.bind_contextvars(subject=subject, trace_id=trace_id_of(headers.get("traceparent", b"")))
