"""Spans reach a collector when one is set, and cost nothing when none is."""

import http.server
import json
import subprocess
import sys
import threading

import pytest
from opentelemetry.sdk.trace import TracerProvider

from libs.common.traces import current_trace_headers, leaving_no_spans, trace_id_of, without_spans
from tests.support.stack import ROOT

SPAN = """
from opentelemetry import trace
from libs.common.traces import configure_tracing
from libs.common.settings import ServiceSettings

configure_tracing(ServiceSettings(otlp_endpoint="http://127.0.0.1:{port}/"), service="probe")
try:
    with trace.get_tracer("tests").start_as_current_span("a chunk", attributes={{"url.query": "q=11987654321"}}):
        raise ValueError("Ana, 11987654321")
except ValueError:
    trace.get_tracer_provider().shutdown()
"""

HEADERS = """
import json
from opentelemetry import baggage, propagate, trace
from libs.common.traces import configure_tracing
from libs.common.settings import ServiceSettings

configure_tracing(ServiceSettings(), service="probe")
sent = {"traceparent": f"00-{7:032x}-{9:016x}-01", "baggage": "user.email=ana@example.com"}
read = propagate.extract(sent)
print(json.dumps([trace.get_current_span(read).get_span_context().trace_id, dict(baggage.get_all(read))]))
"""

START = """
import json, sys
import services.api.main
print(json.dumps([name for name in sys.modules if "otlp" in name or "openpyxl" in name]))
"""


def run(script: str) -> str:
    """Run in a process of its own: tracing is set up once for a whole process. Returns what it printed."""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_spans_go_to_the_collector_without_the_values_of_errors() -> None:
    got: list[tuple[str, bytes]] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            run(SPAN.format(port=server.server_port))
        finally:
            server.shutdown()
            thread.join()
    ((path, spans),) = got
    assert path == "/v1/traces"
    assert b"leadflow-probe" in spans
    assert b"a chunk" in spans
    assert b"11987654321" not in spans
    assert b"url.query" not in spans


CALLS = """
import asyncio, json
import httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from libs.common.traces import ValueFreeExporter
from libs.common.web.app import App

kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ValueFreeExporter(kept)))
trace.set_tracer_provider(provider)
app = App("probe", telemetry={"operation_spans": False, "metrics": False, "logs": False})
app.add_api_route("/leads", lambda: {})

async def call():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://probe") as client:
        for method in ("GET", "ANA"):
            await client.request(method, "/leads", params={"q": "Ana Prado, 11987654321", "custom.cpf": "52998224725"})

asyncio.run(call())
print(json.dumps([dict(span.attributes) | {"name": span.name} for span in kept.get_finished_spans()]))
"""


def test_the_span_of_a_call_says_nothing_of_who_is_looked_for() -> None:
    found, other = json.loads(run(CALLS))
    assert found["http.route"] == "/leads"
    for word in ("Ana", "ANA", "11987654321", "52998224725", "cpf"):
        assert word not in json.dumps([found, other])


def test_of_a_requests_headers_the_trace_is_read_and_no_baggage() -> None:
    assert json.loads(run(HEADERS)) == [7, {}]


def test_a_start_loads_neither_the_exporter_nor_the_writer_of_workbooks() -> None:
    assert json.loads(run(START)) == []


@pytest.mark.parametrize(
    ("header", "trace_id"),
    [
        (b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "0af7651916cd43dd8448eb211c80319c"),
        (b"", ""),
        (b"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", ""),
        (b"00-0af7651916cd43dd8448eb211c80319c", ""),
        (b"someone@example.com", ""),
    ],
)
def test_a_header_names_a_trace_or_nothing(header: bytes, trace_id: str) -> None:
    assert trace_id_of(header) == trace_id


def test_what_leaves_no_spans_names_the_same_trace_and_is_not_sampled() -> None:
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert without_spans({"traceparent": header}) == {"traceparent": f"{header[:-1]}0"}
    assert without_spans({}) == {}


def test_within_what_leaves_no_spans_the_trace_is_the_same_and_a_span_is_not_kept() -> None:
    tracer = TracerProvider().get_tracer("tests")
    with tracer.start_as_current_span("a chunk") as chunk, leaving_no_spans():
        assert current_trace_headers()["traceparent"].split("-")[1] == f"{chunk.get_span_context().trace_id:032x}"
        with tracer.start_as_current_span("a row") as row:
            assert not row.is_recording()
            assert row.get_span_context().trace_id == chunk.get_span_context().trace_id
