"""Logs: one JSON object a line, and never a personal datum in one."""

import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from opentelemetry import trace
from structlog.typing import EventDict

from libs.common.errors import describe
from libs.common.settings import ServiceSettings

REPEAT_SECONDS = 60.0


class OncePerMinute(logging.Filter):
    """Lets pass what aiokafka says of a kind once a minute.

    While a broker is away it says so at each try, hundreds of times. Which server a service waits for, since when and
    why is told in a line of our own (``libs/common/trouble.py``).
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._told: dict[tuple[str, str], float] = {}
        """By logger and text before its values were put in: there are as many as aiokafka has lines that log."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or record.name.partition(".")[0] != "aiokafka":
            return True
        kind, now = (record.name, str(record.msg)), self._monotonic()
        told = self._told.get(kind)
        if told is not None and now - told < REPEAT_SECONDS:
            return False
        self._told[kind] = now
        return True


def _error_without_values(logger: Any, method: str, event: EventDict) -> EventDict:
    """Replace a traceback by the error's type and place: messages of drivers hold rows."""
    exc_info = event.pop("exc_info", None)
    if exc_info is True:
        exc_info = sys.exc_info()
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        event["error"] = describe(error)
        frames = []
        step = error.__traceback__
        while step is not None:
            frames.append(f"{step.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{step.tb_lineno}")
            step = step.tb_next
        event["at"] = frames[-4:]
    return event


def _trace_id(logger: Any, method: str, event: EventDict) -> EventDict:
    """Name the trace that the line belongs to, unless the message in hand has named it."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid and not event.get("trace_id"):
        event["trace_id"] = trace.format_trace_id(span.trace_id)
    return event


class _Lines(structlog.WriteLogger):
    """Writes lines. One that cannot be written is lost, as with the standard library's handlers: a disk that is full of
    logs, or a reader who went away, is no reason not to do the work.
    """

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):
            super().msg(message)

    debug = info = warning = error = critical = msg


def configure_logging(settings: ServiceSettings, *, service: str) -> None:
    """Log one JSON object a line to standard output; libraries' logs pass the same processors."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace_id,
        _error_without_values,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer() if settings.log_format == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, renderer],
        # Past the standard library's loggers, which looked for the caller's frame and made a record of each line: that
        # was most of what a line takes, 40 µs in place of 15.
        logger_factory=lambda *_: _Lines(sys.stdout),
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _quiet_foreign],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(OncePerMinute())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for noisy in ("aiokafka", "pymongo", "aiohttp", "uvicorn.access", "opentelemetry"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Of the headers ``baggage`` and ``tracestate`` that they cannot read they quote the words.
    for quoting in ("opentelemetry.baggage", "opentelemetry.trace.span"):
        logging.getLogger(quoting).setLevel(logging.ERROR)
    structlog.contextvars.bind_contextvars(service=service)


def _quiet_foreign(logger: Any, method: str, event: EventDict) -> EventDict:
    """Cut what libraries print: a driver's message may quote what it was given."""
    # The first line says what happened. In asyncio's messages the lines below it print the error with its values,
    # which may be personal data.
    event["event"] = str(event.get("event", "")).partition("\n")[0][:300]
    return event
