"""The console in a cluster, deploy/k8s/components/console: confined as our services are, and reached beside api."""

import json

import kubernetes_validate
import pytest

from tests.repository.test_kubernetes_edge import NEWEST, HttpRoute
from tests.support.manifests import Manifest, build_kustomization, image_stage, of_kind, pods, project_version

WITH_CONSOLE = "overlays/production+console"
EDGES = ("ingress-nginx", "gateway")


def test_it_is_valid_and_of_our_version() -> None:
    built = build_kustomization(WITH_CONSOLE)
    for kind in ("Deployment", "Service", "PodDisruptionBudget"):
        kubernetes_validate.validate(of_kind(built, kind)["gateway"], NEWEST, strict=True)
    [container] = pods(built)["gateway"]["spec"]["containers"]
    assert container["image"] == f"leadflow-gateway:{project_version()}"


def test_it_is_confined_as_our_services_are() -> None:
    built = pods(build_kustomization(WITH_CONSOLE))
    ours, api = built["gateway"]["spec"], built["api"]["spec"]
    [container], [of_api] = ours["containers"], api["containers"]
    assert container["securityContext"] == of_api["securityContext"]
    # It has no folder that it could write to, and so no group for one.
    assert {**ours["securityContext"], "fsGroup": 10001} == api["securityContext"]
    for name in ("automountServiceAccountToken", "enableServiceLinks"):
        assert ours[name] == api[name]


def test_what_it_must_be_told_is_there() -> None:
    built = build_kustomization(WITH_CONSOLE)
    [found] = [each for name, each in of_kind(built, "ConfigMap").items() if name.startswith("leadflow-console-")]
    told = found["data"]
    assert told["LEADFLOW_GATEWAY_API"] == "api:80"
    settings = json.loads(told["LEADFLOW_CONSOLE_SETTINGS"])
    assert settings["sign_in"] == "host"
    assert settings["hosts"] == told["LEADFLOW_CONSOLE_ANCESTORS"].split(), "who may hold it is who gives tokens"
    [environment] = [arguments for name, arguments in image_stage("gateway") if name == "ENV"]
    assert "LEADFLOW_DEV_SIGN_IN" not in told
    assert "LEADFLOW_GATEWAY_ALSO" not in environment, "no link signs in in production"


@pytest.mark.parametrize("edge", EDGES)
def test_it_is_reached_beside_api_under_one_host(edge: str) -> None:
    built = build_kustomization(f"{WITH_CONSOLE}+{edge}+console-{edge}")
    found = of_kind(built, "Ingress", "HTTPRoute")
    assert set(found) == {"api", "console"}
    console, api = found["console"]["spec"], found["api"]["spec"]
    if edge == "gateway":
        timeless = [{**each, "timeouts": {"request": "0s"}} for each in console["rules"]]
        HttpRoute.model_validate(console | {"rules": timeless})
        assert (console["hostnames"], console["parentRefs"]) == (api["hostnames"], api["parentRefs"])
        [rule] = console["rules"]
        assert [match["path"]["value"] for match in rule["matches"]] == ["/console", "/"]
        assert rule["backendRefs"] == [{"name": "gateway", "port": 80}]
        return
    kubernetes_validate.validate(found["console"], NEWEST, strict=True)
    assert (console["tls"], console["ingressClassName"]) == (api["tls"], api["ingressClassName"])
    [rule], [of_api] = console["rules"], api["rules"]
    assert rule["host"] == of_api["host"]
    assert _paths(rule) == {("/console", "Prefix"): "gateway", ("/", "Exact"): "gateway"}


def _paths(rule: Manifest) -> dict[tuple[str, str], str]:
    return {(each["path"], each["pathType"]): each["backend"]["service"]["name"] for each in rule["http"]["paths"]}
