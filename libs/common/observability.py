"""Logs, metrics and traces. None of them ever holds a phone, CPF, e-mail or name."""

import logging
import sys
from collections.abc import Sequence
from typing import Any

import structlog
from faststream.kafka.opentelemetry import KafkaTelemetryMiddleware
from faststream.kafka.prometheus import KafkaPrometheusMiddleware
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.trace.status import Status
from prometheus_client import CollectorRegistry, Counter, Gauge
from structlog.typing import EventDict

from libs.common.errors import describe
from libs.common.settings import ServiceSettings

RETRIES = Counter("leadflow_retries_total", "Attempts that will be made again.", ["service", "topic"])
DEAD_LETTERED = Counter("leadflow_dead_letters_total", "Messages sent to the dead letter.", ["service", "topic"])
OUTBOX_PUBLISHED = Counter("leadflow_outbox_published_total", "Events that the relay published.", ["service", "kind"])
OUTBOX_FAILED = Counter("leadflow_outbox_failed_total", "Attempts of the relay that failed.", ["service", "kind"])
CHUNKS_RESENT = Counter("leadflow_chunks_resent_total", "Chunks that fell silent and were sent again.", ["service"])
CONSUMER_LAG = Gauge(
    "leadflow_consumer_lag", "Messages not yet consumed, as this consumer knows.", ["service", "topic"]
)

_PROPAGATOR = TraceContextTextMapPropagator()


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


def configure_logging(settings: ServiceSettings, *, service: str) -> None:
    """Log one JSON object a line to standard output; libraries' logs pass the same processors."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _error_without_values,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer() if settings.log_format == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _quiet_foreign],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for noisy in ("aiokafka", "pymongo", "aiohttp", "uvicorn.access", "opentelemetry"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def _quiet_foreign(logger: Any, method: str, event: EventDict) -> EventDict:
    """Cut what libraries print: a driver's message may quote what it was given."""
    # asyncio's first line says what happened; the lines below it print the error, and with it the row.
    event["event"] = str(event.get("event", "")).partition("\n")[0][:300]
    return event


class ValueFreeExporter(SpanExporter):
    """Drops the messages of exceptions from spans before they leave the process."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([_value_free(span) for span in spans])

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def _value_free(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=[event for event in span.events if event.name != "exception"],
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
    )


def configure_tracing(settings: ServiceSettings, *, service: str) -> None:
    """Make every message carry ``traceparent``; export spans only when ``otlp_endpoint`` is set."""
    provider = TracerProvider(resource=Resource.create({"service.name": f"leadflow-{service}"}))
    if settings.otlp_endpoint:
        # It brings protobuf and requests: a tenth of a service's start, and most run without a collector.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(ValueFreeExporter(exporter)))
    trace.set_tracer_provider(provider)


def kafka_middlewares(service: str, registry: CollectorRegistry) -> list[Any]:
    """Return FastStream's own middlewares for metrics and traces."""
    return [
        KafkaPrometheusMiddleware(registry=registry, app_name=service, metrics_prefix="leadflow_kafka"),
        KafkaTelemetryMiddleware(),
    ]


def current_trace_headers() -> dict[str, str]:
    """Return ``{"traceparent": …}`` of the running span, to be stored with what will be published later."""
    headers: dict[str, str] = {}
    _PROPAGATOR.inject(headers)
    return headers


def trace_context(headers: dict[str, str]) -> Context:
    """Return the trace that ``headers`` continue."""
    return _PROPAGATOR.extract(headers)
