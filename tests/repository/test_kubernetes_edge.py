"""How api and leads are reached from outside (deploy/k8s/components): uploads and streams fit, leaving is seamless."""

import json
import re
from collections.abc import Callable

import kubernetes_validate
import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from libs.common.settings import HttpSettings
from libs.spreadsheets.limits import default_max_bytes
from services.api.http.upload import most_body_bytes
from services.api.settings import Settings
from services.leads.settings import Settings as LeadsSettings
from tests.support.manifests import Manifest, build_kustomization, environment_of, of_kind, pods, read_settings

EDGES = ("ingress-alb", "ingress-gke", "ingress-nginx", "gateway")
PLACES = (("/api/v1", "leads"), ("/", "api"))
"""The longer path goes first."""
NEWEST = "1.37"
PING_SECONDS = 15
"""Of an event stream (services/api/http/routes.py)."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class HttpHealthCheck(Strict):
    type: str
    request_path: str
    port: int


class Draining(Strict):
    draining_timeout_sec: int = Field(ge=0, le=3600)


class BackendConfig(Strict):
    """https://cloud.google.com/kubernetes-engine/docs/how-to/ingress-configuration, the fields that we use."""

    timeout_sec: int = Field(gt=0)
    connection_draining: Draining
    health_check: HttpHealthCheck


class ManagedCertificate(Strict):
    domains: list[str] = Field(min_length=1)


class Path(Strict):
    type: str
    value: str


class Match(Strict):
    path: Path


class Timeouts(Strict):
    request: str


class Backend(Strict):
    name: str
    port: int


class Rule(Strict):
    matches: list[Match]
    timeouts: Timeouts
    backend_refs: list[Backend]


class Parent(Strict):
    name: str


class HttpRoute(Strict):
    """https://gateway-api.sigs.k8s.io/reference/spec/#httproute, the fields that we use."""

    parent_refs: list[Parent]
    hostnames: list[str]
    rules: list[Rule]


SPECS: dict[str, type[BaseModel]] = {
    "BackendConfig": BackendConfig,
    "ManagedCertificate": ManagedCertificate,
    "HTTPRoute": HttpRoute,
}


def built(edge: str) -> tuple[Manifest, ...]:
    return build_kustomization(f"overlays/production+{edge}")


def annotation(edge: str, name: str) -> str:
    found: str = of_kind(built(edge), "Ingress")["api"]["metadata"]["annotations"][name]
    return found


def annotation_number(edge: str, name: str, attribute: str) -> int:
    """Return the seconds of one attribute in an annotation of the AWS Load Balancer Controller."""
    [seconds] = re.findall(rf"{attribute}\.\w+=(\d+)", annotation(edge, f"alb.ingress.kubernetes.io/{name}"))
    return int(seconds)


def seconds_before_the_end(edge: str, service: str = "api") -> tuple[int, int]:
    """Return how long a pod that leaves goes on serving, and how long it has in all."""
    spec = pods(built(edge))[service]["spec"]
    return spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"], spec["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("edge", EDGES)
def test_what_is_added_is_valid_and_leads_to_api(edge: str) -> None:
    before = {(each["kind"], each["metadata"]["name"]) for each in build_kustomization("overlays/production")}
    added = [each for each in built(edge) if (each["kind"], each["metadata"]["name"]) not in before]
    assert added
    for each in added:
        if each["kind"] in SPECS:
            SPECS[each["kind"]].model_validate(each["spec"])
        else:
            kubernetes_validate.validate(each, NEWEST, strict=True)
    ports = {
        name: {each["name"]: each["port"] for each in service["spec"]["ports"]}["http"]
        for name, service in of_kind(built(edge), "Service").items()
    }
    for ingress in of_kind(built(edge), "Ingress").values():
        paths = ingress["spec"]["rules"][0]["http"]["paths"]
        assert [(path["path"], path["backend"]["service"]) for path in paths] == [
            (path, {"name": name, "port": {"name": "http"}}) for path, name in PLACES
        ]
        assert all(name in ports for _, name in PLACES)
    for route in of_kind(built(edge), "HTTPRoute").values():
        assert [(rule["matches"][0]["path"]["value"], rule["backendRefs"]) for rule in route["spec"]["rules"]] == [
            (path, [{"name": name, "port": ports[name]}]) for path, name in PLACES
        ]


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("service", ["api", "leads"])
def test_a_pod_that_leaves_has_time_to_finish_after_the_balancer_has_let_go(edge: str, service: str) -> None:
    serving, in_all = seconds_before_the_end(edge, service)
    # uvicorn's 20 s, and the broker's 25 s.
    assert in_all - serving >= 20 + 25
    assert serving > 5, "more than inside a cluster"


def test_behind_amazon_it_serves_longer_than_the_target_is_being_deregistered() -> None:
    delay = annotation_number("ingress-alb", "target-group-attributes", "deregistration_delay")
    assert seconds_before_the_end("ingress-alb")[0] > delay


def test_behind_google_it_serves_longer_than_the_backend_is_being_drained() -> None:
    config = BackendConfig.model_validate(of_kind(built("ingress-gke"), "BackendConfig")["leadflow-api"]["spec"])
    assert seconds_before_the_end("ingress-gke")[0] > config.connection_draining.draining_timeout_sec
    for name in ("api", "leads"):
        service = of_kind(built("ingress-gke"), "Service")[name]["metadata"]["annotations"]
        assert json.loads(service["cloud.google.com/backend-config"]) == {"default": "leadflow-api"}
        container = pods(built("ingress-gke"))[name]["spec"]["containers"][0]
        assert {"name": "http", "containerPort": config.health_check.port} in container["ports"]


@pytest.mark.parametrize(
    ("edge", "kept"),
    [
        ("ingress-alb", lambda: annotation_number("ingress-alb", "load-balancer-attributes", "idle_timeout")),
        # https://cloud.google.com/load-balancing/docs/https#timeout-keepalive-backends: cannot be changed.
        ("ingress-gke", lambda: 600),
        # keepalive_timeout of an upstream, 60 s by default: https://nginx.org/en/docs/http/ngx_http_upstream_module.html
        ("ingress-nginx", lambda: 60),
        # Envoy's idle_timeout of HttpProtocolOptions, an hour by default; others keep less.
        ("gateway", lambda: 3600),
    ],
)
def test_a_silent_connection_is_closed_by_the_balancer_before_api_does(edge: str, kept: Callable[[], int]) -> None:
    """Else the balancer sends a call into a connection that is being closed, and its caller gets a 502."""
    for service, kind in (("api", Settings), ("leads", LeadsSettings)):
        settings = read_settings(kind, environment_of(f"overlays/production+{edge}", service))
        assert isinstance(settings, HttpSettings)
        assert settings.http_keep_alive_seconds > kept()


def test_an_upload_of_the_largest_file_passes_nginx() -> None:
    size = annotation("ingress-nginx", "nginx.ingress.kubernetes.io/proxy-body-size")
    settings = read_settings(Settings, environment_of("overlays/production", "api"))
    assert isinstance(settings, Settings)
    allowed = int(size.removesuffix("m")) << 20
    assert most_body_bytes(default_max_bytes(settings.max_rows_per_file)) <= allowed


def test_an_event_stream_is_not_cut_while_it_says_something() -> None:
    idle = annotation_number("ingress-alb", "load-balancer-attributes", "idle_timeout")
    between = annotation("ingress-nginx", "nginx.ingress.kubernetes.io/proxy-read-timeout")
    assert min(idle, int(between)) >= 2 * PING_SECONDS
    # These limit the whole answer.
    assert [rule["timeouts"] for rule in of_kind(built("gateway"), "HTTPRoute")["api"]["spec"]["rules"]] == [
        {"request": "0s"},
        {"request": "0s"},
    ]
    assert of_kind(built("ingress-gke"), "BackendConfig")["leadflow-api"]["spec"]["timeoutSec"] >= 3600
