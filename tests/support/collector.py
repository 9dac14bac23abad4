"""A collector of traces on this machine: takes what processes send it (OTLP over HTTP), and keeps it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Sent:
    """One span."""

    service: str
    name: str
    trace_id: str
    id: str
    parent_id: str
    """Empty: it is the first of its trace."""


@dataclass(slots=True)
class Collector:
    """``url`` is what ``LEADFLOW_OTLP_ENDPOINT`` takes."""

    url: str = ""
    raw: list[bytes] = field(default_factory=list)

    def spans(self) -> list[Sent]:
        return [span for raw in list(self.raw) for span in _spans(raw)]


def _spans(raw: bytes) -> Iterator[Sent]:
    for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
        (service,) = [each.value.string_value for each in resource.resource.attributes if each.key == "service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                yield Sent(service.removeprefix("leadflow-"), span.name, *ids)


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.raw.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        collector.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
