"""Traces, from a request or a message to everything that follows from it. No span holds a personal datum."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.trace.status import Status

from libs.common.settings import ServiceSettings

_PROPAGATOR = TraceContextTextMapPropagator()
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


_AS_CALLERS_WROTE = frozenset({"url.query", "http.request.method_original"})
"""Attributes of requests: who searches names somebody."""


class ValueFreeExporter(SpanExporter):
    """Drops what callers look for, and the messages of exceptions, from spans before they leave the process."""

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
        attributes={name: value for name, value in (span.attributes or {}).items() if name not in _AS_CALLERS_WROTE},
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
        # Imported only when it is needed: most services run without a collector, and protobuf and requests, which it
        # brings, would take a tenth of the time that a service needs to start.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(ValueFreeExporter(exporter)))
    trace.set_tracer_provider(provider)
    # Of a request the trace alone is read: by default also ``baggage``, for which nobody has a use.
    propagate.set_global_textmap(_PROPAGATOR)


def current_trace_headers() -> dict[str, str]:
    """Return ``{"traceparent": …}`` of the running span, to be stored with what will be published later."""
    headers: dict[str, str] = {}
    _PROPAGATOR.inject(headers)
    return headers


def without_spans(headers: dict[str, str]) -> dict[str, str]:
    """Return the same trace for what names it and leaves no spans in it: not sampled, says W3C Trace Context."""
    return {name: f"{value[:-2]}00" if name == "traceparent" else value for name, value in headers.items()}


@contextmanager
def leaving_no_spans() -> Iterator[None]:
    """Have what is published within name the running trace, and leave no spans in it.

    For one message a row: their spans would be more than a tenth of the work.
    """
    token = context.attach(trace_context(without_spans(current_trace_headers())))
    try:
        yield
    finally:
        context.detach(token)


def trace_context(headers: dict[str, str]) -> Context:
    """Return the trace that ``headers`` continue."""
    return _PROPAGATOR.extract(headers)


def trace_id_of(traceparent: bytes) -> str:
    """Return the trace's id that a message's header names, or nothing where it names none (W3C Trace Context)."""
    found = _TRACEPARENT.fullmatch(traceparent)
    return found[1].decode() if found else ""
