"""What a library repeats is logged once a minute."""

import logging
import subprocess
import sys

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
