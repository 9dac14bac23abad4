"""What a library repeats is logged once a minute."""

import json
import logging
import subprocess
import sys
from pathlib import Path

from libs.common.process.logs import OncePerMinute
from tests.support.clocks import Clock
from tests.support.stack import ROOT


def record(name: str, message: str, *values: object, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, message, values, None)


def test_aiokafka_says_a_thing_once_a_minute_whatever_its_values_are() -> None:
    clock = Clock()
    once = OncePerMinute(monotonic=clock)
    passed = 0
    for node in range(1200):  # ten tries a second for two minutes
        passed += once.filter(record("aiokafka", "Unable connect to node with id %s", node))
        clock.now += 0.1
    assert passed == 2
    assert once.filter(record("aiokafka", "Unable to request metadata"))
    assert once.filter(record("aiokafka.consumer.fetcher", "Unable to request metadata"))


def test_others_and_what_is_no_warning_pass() -> None:
    once = OncePerMinute(monotonic=Clock())
    for _ in range(3):
        assert once.filter(record("libs.common.trouble", "failing"))
        assert once.filter(record("aiokafka", "Discovered coordinator", level=logging.INFO))


HEADER = "Ana Souza <ana.souza@example.com> 11912345678"
TRACE = f"00-{7:032x}-{9:016x}-01"
READS_HEADERS = f"""
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from libs.common.process.logs import configure_logging
from libs.common.settings import ServiceSettings
configure_logging(ServiceSettings(), service="api")
W3CBaggagePropagator().extract({{"baggage": [{HEADER!r}]}})
TraceContextTextMapPropagator().extract({{"traceparent": [{TRACE!r}], "tracestate": [{HEADER!r}]}})
"""


def test_what_anybody_sends_as_baggage_or_state_of_a_trace_is_not_logged() -> None:
    ended = subprocess.run([sys.executable, "-c", READS_HEADERS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "Souza" not in ended.stdout + ended.stderr


WRITES_LINES = """
import json
import logging
import structlog
from libs.common.process.logs import configure_logging
from libs.common.settings import ServiceSettings
configure_logging(ServiceSettings(log_level="WARNING"), service="api")
log = structlog.get_logger()
log.info("left out")
with structlog.contextvars.bound_contextvars(request_id="7"):
    log.warning("ours", rows=3)
logging.getLogger("uvicorn.error").warning("a library's\\nAna Souza")
try:
    raise ValueError("Ana Souza")
except ValueError:
    log.exception("failed")
print("went on")
"""


def test_our_lines_and_those_of_libraries_are_alike() -> None:
    ended = subprocess.run([sys.executable, "-c", WRITES_LINES], cwd=ROOT, capture_output=True, text=True, check=True)
    *lines, last = ended.stdout.splitlines()
    ours, librarys, failed = (json.loads(line) for line in lines)
    assert ours.items() >= {"event": "ours", "rows": 3, "level": "warning", "request_id": "7", "service": "api"}.items()
    assert librarys.items() >= {"event": "a library's", "level": "warning", "service": "api"}.items()
    assert failed.items() >= {"event": "failed", "level": "error", "service": "api"}.items()
    assert failed["error"].startswith("ValueError")
    assert all(line["timestamp"].endswith("Z") for line in (ours, librarys, failed))
    assert last == "went on"
    assert "Souza" not in ended.stdout + ended.stderr


def test_a_disk_full_of_logs_stops_no_work() -> None:
    says = WRITES_LINES.replace('print("went on")', 'import os, sys; print("went on", file=sys.stderr); os._exit(0)')
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", says], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=True
        )
    assert ended.stderr.splitlines()[-1] == "went on"
