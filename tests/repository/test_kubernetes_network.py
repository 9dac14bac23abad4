"""Who may call our pods, and whom they may call: the NetworkPolicies of deploy/k8s, which add up."""

import re

import kubernetes_validate
import pytest
import yaml

from deploy.processes import ADDRESSES, BY_NAME, PRIVATE_PORT, SERVER_PORTS, SERVERS, SERVICES
from tests.support.manifests import (
    IN_KUBERNETES,
    KUSTOMIZATIONS,
    Manifest,
    build_kustomization,
    of_kind,
    pods,
)
from tests.support.stack import ROOT

README = (ROOT / "deploy" / "k8s" / "README.md").read_text()
NAMES = {("UDP", 53), ("TCP", 53)}
PROVIDERS = {("TCP", 443), ("TCP", 4318)}

Ports = set[tuple[str, int | str]]


def policies_of(manifests: tuple[Manifest, ...], workload: str) -> list[Manifest]:
    """Return the ``spec`` of each policy that selects the workload's pods."""
    labels = pods(manifests)[workload]["metadata"]["labels"]
    specs = [each["spec"] for each in of_kind(manifests, "NetworkPolicy").values()]
    return [spec for spec in specs if spec["podSelector"]["matchLabels"].items() <= labels.items()]


def opened(specs: list[Manifest], direction: str) -> list[tuple[object, Ports]]:
    """Return what the policies open together: to or from whom (None: anybody), at which ports."""
    assert any(direction.capitalize() in spec["policyTypes"] for spec in specs), "else everything is open"
    rules = [rule for spec in specs for rule in spec.get(direction, [])]
    return [
        (rule.get("from", rule.get("to")), {(port["protocol"], port["port"]) for port in rule["ports"]})
        for rule in rules
    ]


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
@pytest.mark.parametrize("workload", IN_KUBERNETES)
def test_a_process_reaches_the_servers_that_its_settings_name_and_providers_and_nothing_else(
    name: str, workload: str
) -> None:
    reached = set().union(*(ports for _, ports in opened(policies_of(build_kustomization(name), workload), "egress")))
    needed = [server for server in SERVERS if ADDRESSES[server] in IN_KUBERNETES[workload].model_fields]
    assert needed
    assert reached == {("TCP", SERVER_PORTS[server]) for server in needed} | NAMES | PROVIDERS


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
@pytest.mark.parametrize("workload", IN_KUBERNETES)
def test_health_and_metrics_are_answered_to_this_cluster_alone_and_calls_to_anybody(name: str, workload: str) -> None:
    cluster: list[Manifest] = [{"namespaceSelector": {}}]
    expected: list[tuple[object, Ports]] = []
    if workload in SERVICES:
        expected.append((cluster, {("TCP", "health")}))
    if workload in BY_NAME and BY_NAME[workload].kind == "http":
        expected.append((None, {("TCP", "http")}))
    assert opened(policies_of(build_kustomization(name), workload), "ingress") == expected


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_postgresqls_own_client_reaches_postgresql_alone(name: str) -> None:
    specs = policies_of(build_kustomization(name), "psql")
    assert set().union(*(ports for _, ports in opened(specs, "egress"))) == {("TCP", 5432)} | NAMES
    assert opened(specs, "ingress") == []


def test_the_demo_data_reach_their_servers() -> None:
    reached = opened(policies_of(build_kustomization("overlays/local"), "seed"), "egress")
    expected = {("TCP", SERVER_PORTS["postgres"]), ("TCP", SERVER_PORTS["mongo"])}
    assert set().union(*(ports for _, ports in reached)) == expected | NAMES


def test_the_readmes_policy_opens_other_ports_for_all_of_ours() -> None:
    [written] = re.findall(r"^( +apiVersion: networking.k8s.io/v1\n(?: +.*\n)+)", README, re.MULTILINE)
    policy = yaml.safe_load(written)
    kubernetes_validate.validate(policy, "1.37", strict=True)
    manifests = (*build_kustomization("overlays/production"), policy)
    assert policy["metadata"]["name"] not in of_kind(build_kustomization("overlays/production"), "NetworkPolicy")
    [added] = policy["spec"]["egress"]
    for workload in IN_KUBERNETES:
        reached = opened(policies_of(manifests, workload), "egress")
        assert (None, {(port["protocol"], port["port"]) for port in added["ports"]}) in reached


def test_the_readme_says_where_a_pod_tells_why_it_is_not_ready() -> None:
    assert f"{PRIVATE_PORT}" in README
