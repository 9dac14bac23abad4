"""The table of metrics is what the processes say: no name, label or kind differs, and none is missing."""

import json
import subprocess
import sys

import pytest

from deploy.metrics import BY_NAME, FAILING, METRICS, Metric
from deploy.processes import SERVICES
from tests.support.stack import ROOT
from tests.support.troubles import troubles

DECLARED = """
import importlib, json, pkgutil, sys
from prometheus_client import REGISTRY
import services
from libs.common.kafka.broker import create_broker
from libs.common.settings import KafkaSettings

for found in pkgutil.walk_packages(services.__path__, "services."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
create_broker(KafkaSettings(kafka_bootstrap="127.0.0.1:1"), service="test")
collectors = {id(each): each for each in REGISTRY._names_to_collectors.values() if hasattr(each, "_labelnames")}
json.dump([[each._name, each._type, each._labelnames] for each in collectors.values()], sys.stdout)
"""


@pytest.fixture(scope="module")
def declared() -> dict[str, tuple[str, tuple[str, ...]]]:
    """What all services declare together, as a process of its own: tests of this one declare others."""
    said = subprocess.run([sys.executable, "-c", DECLARED], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = {"counter": "{}_total"}
    return {names.get(kind, "{}").format(name): (kind, tuple(labels)) for name, kind, labels in json.loads(said)}


def test_what_is_declared_stands_in_the_table_with_its_kind_and_labels(
    declared: dict[str, tuple[str, tuple[str, ...]]],
) -> None:
    assert declared == {metric.name: (metric.kind, metric.labels) for metric in METRICS}


def test_what_may_fail_is_what_processes_say_fails() -> None:
    assert sorted(FAILING) == sorted(troubles())


def test_no_metric_stands_there_twice() -> None:
    assert len(BY_NAME) == len(METRICS)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_name_says_unit_and_kind(metric: Metric) -> None:
    """As Prometheus wants it: base units, at the end of the name; ``_total`` for what only grows."""
    assert metric.name.startswith("leadflow_")
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    if metric.unit in {"seconds", "bytes", "ratio", "connections"}:
        assert metric.name.removesuffix("_total").endswith(f"_{metric.unit}")
    assert metric.why
    assert set(metric.processes) <= set(SERVICES)


BOUNDED = {
    "service", "topic", "kind", "outcome", "status", "what", "sequence", "code", "method", "route",
    "size", "setting", "app_name", "broker", "handler", "destination", "exception_type",
}  # fmt: skip
"""Labels whose values are ours: names of services, topics, routes, codes, classes."""


def test_no_label_takes_what_callers_send() -> None:
    assert {label for metric in METRICS for label in metric.labels} <= BOUNDED
