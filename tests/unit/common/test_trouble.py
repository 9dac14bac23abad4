"""What fails is told once, again when its reason changes, and each minute; and as a metric."""

from prometheus_client import generate_latest

from libs.common.trouble import Trouble
from tests.support.captured_logs import capture_logs
from tests.support.clocks import Clock


def metric() -> float:
    (line,) = [
        line
        for line in generate_latest().decode().splitlines()
        if line.startswith('leadflow_failing_seconds{service="test",what="PostgreSQL"}')
    ]
    return float(line.rpartition(" ")[2])


def test_a_trouble_is_told_when_it_begins_changes_lasts_and_ends() -> None:
    clock = Clock()
    trouble = Trouble("PostgreSQL at db:5432", service="test", monotonic=clock)
    assert (trouble.lasting(), metric()) == (None, 0.0)
    with capture_logs() as lines:
        for _ in range(1200):  # ten tries a second for two minutes
            trouble.fails("Connection refused")
            clock.now += 0.1
        assert [line["seconds"] for line in lines] == [0, 60]
        assert trouble.lasting(119) == "PostgreSQL at db:5432: Connection refused, for 120 s"
        assert trouble.lasting(121) is None
        assert round(metric()) == 120
        trouble.fails("password authentication failed")
        assert lines[-1]["why"] == "password authentication failed"
        assert lines[-1]["seconds"] == 120
        trouble.works()
        trouble.works()
    assert [line["event"] for line in lines] == ["failing"] * 3 + ["works again"]
    assert lines[-1]["failed_seconds"] == 120
    assert (trouble.lasting(), metric()) == (None, 0.0)


def test_what_is_seen_late_has_lasted_longer() -> None:
    trouble = Trouble("reading", service="test", monotonic=Clock())
    trouble.fails("no answer", lasted=70)
    assert trouble.lasting(70) == "reading: no answer, for 70 s"
