"""The component `observe`: every pod is asked, the alerts and dashboards are those that are shipped."""

import json

import yaml

from deploy.processes import PROCESSES
from tests.support.dashboards import shipped
from tests.support.manifests import build_kustomization, containers, of_kind, pods
from tests.support.promtool import RULES

OBSERVED = "overlays/production+observe"


def test_every_pod_of_a_process_is_asked_at_a_port_that_it_has() -> None:
    manifests = build_kustomization(OBSERVED)
    [monitor] = of_kind(manifests, "PodMonitor").values()
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    templates = pods(manifests)
    for process in PROCESSES:
        assert wanted <= templates[process.name]["metadata"]["labels"].items()
        ports = {port["name"] for each in containers(templates[process.name]) for port in each["ports"]}
        assert endpoint["port"] in ports


def test_the_operator_gets_the_rules() -> None:
    [rule] = of_kind(build_kustomization(OBSERVED), "PrometheusRule").values()
    assert rule["spec"] == yaml.safe_load(RULES.read_text())


def test_grafanas_sidecar_gets_the_dashboards() -> None:
    config = of_kind(build_kustomization(OBSERVED), "ConfigMap")["leadflow-dashboards"]
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert {name.removesuffix(".json"): json.loads(text) for name, text in config["data"].items()} == shipped()
    # `kubectl apply` writes it into an annotation as well, which takes 256 KiB.
    assert sum(map(len, config["data"].values())) < 200_000


def test_without_it_nothing_asks_for_definitions_that_a_cluster_may_lack() -> None:
    kinds = {each["kind"] for each in build_kustomization("overlays/production")}
    assert not kinds & {"PodMonitor", "PrometheusRule"}
