"""The pods of deploy/k8s: probes, time to end, room, confinement, images, servers."""

import re

import pytest

from deploy.processes import PROCESSES, SERVERS, SERVICES
from libs.common.settings import HttpSettings, ServiceSettings
from libs.common.web.health import health_routes
from tests.support.manifests import (
    CONTAINERS,
    DEMO_IMAGE,
    IMAGE,
    KUSTOMIZATIONS,
    ON_CALL,
    SETTINGS,
    build_kustomization,
    compose_environment,
    containers,
    environment_of,
    image_environment,
    image_stage,
    interpolate,
    of_kind,
    pod_environment,
    pods,
    project_version,
    read_settings,
    secrets_of,
)

# Health, end, room


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
@pytest.mark.parametrize("service", SERVICES)
def test_health_and_metrics_are_asked_where_they_are_answered_and_not_where_calls_are(name: str, service: str) -> None:
    [container] = pods(build_kustomization(name))[service]["spec"]["containers"]
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert {kind: probe["path"] for kind, probe in probes.items()} == {
        "startup": "/health/live",
        "liveness": "/health/live",
        "readiness": "/health/ready",
    }
    paths = {route.path for route in health_routes(lambda: None)}  # type: ignore[arg-type, return-value]
    assert {probe["path"] for probe in probes.values()} <= paths
    assert {probe["port"] for probe in probes.values()} == {"health"}
    settings = read_settings(SETTINGS[service], environment_of(name, service))
    assert isinstance(settings, ServiceSettings)
    health = settings.http_port
    if isinstance(settings, HttpSettings):
        assert settings.http_private_port is not None
        assert settings.http_private_port != settings.http_port
        health = settings.http_private_port
        [service_port] = of_kind(build_kustomization(name), "Service")[service]["spec"]["ports"]
        assert service_port["targetPort"] == "http"
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"health": health} | ({"http": settings.http_port} if health != settings.http_port else {})
    assert settings.http_host == "0.0.0.0"
    annotations = pods(build_kustomization(name))[service]["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] in paths
    assert annotations["prometheus.io/port"] == str(health)


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_time_to_finish_what_it_has_in_hand(name: str, service: str) -> None:
    spec = pods(build_kustomization(name))[service]["spec"]
    assert f"{spec['terminationGracePeriodSeconds']}s" == CONTAINERS[service]["stop_grace_period"]
    [container] = spec["containers"]
    before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    # uvicorn's 20 s in api, the broker's 25 s in a consumer (libs/common/web/service.py, libs/common/kafka/broker.py).
    assert spec["terminationGracePeriodSeconds"] - before >= 20 + 25


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_every_container_asks_for_room_and_has_an_end_to_it(name: str) -> None:
    for workload, pod in pods(build_kustomization(name)).items():
        for container in containers(pod):
            resources = container["resources"]
            for kind in ("requests", "limits"):
                assert set(resources[kind]) == {"cpu", "memory"}, f"{workload}: {kind}"
            for resource in ("cpu", "memory"):
                assert amount(resources["requests"][resource]) <= amount(resources["limits"][resource])


def amount(quantity: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(m|Mi|Gi|)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * {"m": 0.001, "Mi": 2**20, "Gi": 2**30, "": 1}[unit]


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_a_scratch_folder_holds_all_that_the_settings_let_in(name: str) -> None:
    """A pod whose folder outgrows its limit is evicted, with every upload that it holds."""
    with_scratch = [process for process in PROCESSES if process.scratch]
    assert with_scratch, "or this test shows nothing"
    for process in with_scratch:
        assert process.scratch
        [volume] = [
            each
            for each in pods(build_kustomization(name))[process.name]["spec"]["volumes"]
            if each["name"] == process.scratch.holds
        ]
        settings = read_settings(SETTINGS[process.name], environment_of(name, process.name))
        room = amount(volume["emptyDir"]["sizeLimit"])
        assert 1.1 * settings.scratch_bytes <= room < 1.3 * settings.scratch_bytes  # type: ignore[attr-defined]


# Confinement


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_every_container_passes_pod_security_restricted_and_cannot_write(name: str) -> None:
    for workload, pod in pods(build_kustomization(name)).items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        for container in containers(pod):
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, workload
            assert own["readOnlyRootFilesystem"] is True, workload
            assert own["capabilities"] == {"drop": ["ALL"]}, workload
            user = own.get("runAsUser", spec["securityContext"]["runAsUser"])
            group = own.get("runAsGroup", spec["securityContext"]["runAsGroup"])
            assert (user, group) == identity_of(container["image"])


def identity_of(image: str) -> tuple[int, int]:
    """Return the user and group that an image runs as, by the Dockerfile or by docker-compose.yml."""
    if re.search(rf"(^|/)({IMAGE}|{DEMO_IMAGE}):", image):
        [line] = [arguments for instruction, arguments in image_stage(IMAGE) if instruction == "USER"]
    else:
        line = next(each["user"] for each in CONTAINERS.values() if each["image"] == image)
    user, group = line.split(":")
    return int(user), int(group)


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_only_what_compose_lets_be_written_can_be(name: str) -> None:
    manifests = build_kustomization(name)
    for workload, pod in pods(manifests).items():
        made = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        for each in of_kind(manifests, "StatefulSet").get(workload, {}).get("spec", {}).get("volumeClaimTemplates", []):
            made[each["metadata"]["name"]] = each
        assert not any("hostPath" in volume for volume in made.values())
        for container in containers(pod):
            in_compose = {}
            if workload not in ON_CALL:
                in_compose = CONTAINERS[workload if container["name"] == IMAGE else container["name"]]
            mounted = container.get("volumeMounts", [])
            assert {mount["name"] for mount in mounted} <= set(made)
            writable = {mount["mountPath"] for mount in mounted if not mount.get("readOnly")}
            read_only = {mount["mountPath"] for mount in mounted if mount.get("readOnly")}
            volumes = [volume.split(":") for volume in in_compose.get("volumes", [])]
            assert writable == {path.partition(":")[0] for path in in_compose.get("tmpfs", [])} | {
                target for _, target, *_ in volumes
            }
            assert read_only == ({"/etc/leadflow/certificates"} if "certificates" in name else set())
            if writable:
                assert pod["spec"]["securityContext"]["fsGroup"] == identity_of(container["image"])[1]


# Images and servers


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_images_are_those_of_compose(name: str) -> None:
    for workload, pod in pods(build_kustomization(name)).items():
        for container in containers(pod):
            repository, _, tag = container["image"].rpartition(":")
            if repository.rpartition("/")[2] != IMAGE:
                named = "postgres" if workload == "psql" else workload
                in_compose = CONTAINERS[container["name"] if container["name"] in CONTAINERS else named]
                assert container["image"] == in_compose["image"]
                continue
            assert tag == project_version()
            expected = f"registry.example.com/{IMAGE}" if name.startswith("overlays/production") else IMAGE
            assert repository == expected


def test_the_local_overlays_servers_are_those_of_compose() -> None:
    manifests = build_kustomization("overlays/local")
    servers = of_kind(manifests, "StatefulSet")
    assert set(servers) == set(SERVERS)
    for server, each in servers.items():
        [container] = each["spec"]["template"]["spec"]["containers"]
        in_compose = CONTAINERS[server]
        assert container.get("args") == in_compose.get("command")
        given = pod_environment(manifests, container, secrets_of("overlays/local"))
        environment = {variable: given[variable] for variable in given if variable not in image_environment()}
        expected = {key: interpolate(value, {}) for key, value in in_compose.get("environment", {}).items()}
        without_outside = {
            variable: ",".join(part for part in value.split(",") if not part.startswith("EXTERNAL"))
            for variable, value in expected.items()
        }
        assert environment == without_outside
        if "exec" in container["readinessProbe"]:
            assert ["CMD", *container["readinessProbe"]["exec"]["command"]] == in_compose["healthcheck"]["test"]
        assert (
            of_kind(manifests, "Service")[server]["spec"]["ports"][0]["port"]
            == {
                "postgres": 5432,
                "mongo": 27017,
                "kafka": 9092,
            }[server]
        )


def test_the_local_overlay_makes_the_platforms_tables_before_the_migration() -> None:
    manifests = build_kustomization("overlays/local")
    [platform] = pods(manifests)["migrate"]["spec"]["initContainers"]
    assert platform["args"] == CONTAINERS["platform"]["command"]
    environment = pod_environment(manifests, platform, secrets_of("overlays/local"))
    assert {key: environment[key] for key in ("LEADFLOW_POSTGRES_URL",)} == compose_environment(
        CONTAINERS["platform"], {}
    )
