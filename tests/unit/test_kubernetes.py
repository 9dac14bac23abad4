"""deploy/k8s, without a cluster: held to Kubernetes' and KEDA's schemas, to the settings, to docker-compose.yml."""

import base64
import copy
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import kubernetes_validate
import pytest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from deploy.local.processes import SERVERS, SERVICES
from libs.common.events.topics import DEAD_LETTER, DEAD_LETTER_READERS, TOPICS
from libs.common.health import health_routes
from libs.common.settings import ServiceSettings
from tests.support.manifests import (
    CONSUMERS,
    IMAGE,
    KUSTOMIZATIONS,
    SETTINGS,
    Manifest,
    build_kustomization,
    containers,
    image_environment,
    interpolate,
    of_kind,
    plain,
    pod_environment,
    pods,
    project_version,
    read_compose,
    read_settings,
    subscriptions,
    variables,
)
from tests.support.stack import ROOT

KUBERNETES = "1.37"
COMPOSE: dict[str, Manifest] = read_compose()["services"]
K8S = ROOT / "deploy" / "k8s"
README = (K8S / "README.md").read_text()

SCALED = ("base", "overlays/production")
"""Where KEDA is; the local overlay does without."""

SECRETS = {
    "leadflow-secrets": {
        "LEADFLOW_POSTGRES_URL": "postgresql://somebody:secret@db.example.com:5432/leadflow",
        "LEADFLOW_MONGO_URL": "mongodb://somebody:secret@mongo.example.com:27017/leadflow",
    }
}
"""What README.md has the operator put into the Secret; base also takes LEADFLOW_JWT_SECRET."""


# KEDA's schema: the documented fields of https://keda.sh/docs/2.18/reference/scaledobject-spec/ that we use


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


Number = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*$")]
Flag = Literal["true", "false"]


class KafkaTrigger(Strict):
    """https://keda.sh/docs/2.18/scalers/apache-kafka/: every value is text; a name may come from the environment."""

    bootstrap_servers: str | None = None
    bootstrap_servers_from_env: str | None = None
    consumer_group: str
    topic: str
    lag_threshold: Number
    activation_lag_threshold: Number | None = None
    offset_reset_policy: Literal["earliest", "latest"] = "latest"
    allow_idle_consumers: Flag = "false"
    exclude_persistent_lag: Flag = "false"
    limit_to_partitions_with_lag: Flag = "false"
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")] = "1.0.0"

    @model_validator(mode="after")
    def _one_address(self) -> "KafkaTrigger":
        if (self.bootstrap_servers is None) == (self.bootstrap_servers_from_env is None):
            raise ValueError("either bootstrapServers or bootstrapServersFromEnv")
        return self


class Trigger(Strict):
    type: Literal["kafka"]
    name: str | None = None
    metadata: KafkaTrigger


class ScalingPolicy(Strict):
    type: Literal["Pods", "Percent"]
    value: int = Field(gt=0)
    period_seconds: int = Field(gt=0, le=1800)


class ScalingRules(Strict):
    stabilization_window_seconds: int = Field(ge=0, le=3600)
    policies: list[ScalingPolicy] = Field(min_length=1)


class Behavior(Strict):
    scale_up: ScalingRules | None = None
    scale_down: ScalingRules | None = None


class Autoscaler(Strict):
    behavior: Behavior


class Advanced(Strict):
    horizontal_pod_autoscaler_config: Autoscaler


class ScaleTarget(Strict):
    name: str


class ScaledObjectSpec(Strict):
    scale_target_ref: ScaleTarget
    polling_interval: int = Field(30, gt=0)
    cooldown_period: int = Field(300, ge=0)
    min_replica_count: int = Field(0, ge=0)
    max_replica_count: int = Field(100, gt=0)
    advanced: Advanced | None = None
    triggers: list[Trigger] = Field(min_length=1)


class Metadata(Strict):
    name: str
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class ScaledObject(Strict):
    api_version: Literal["keda.sh/v1alpha1"]
    kind: Literal["ScaledObject"]
    metadata: Metadata
    spec: ScaledObjectSpec


def refusal(manifest: Manifest) -> str | None:
    """Return why an API server would refuse this, or None."""
    try:
        if manifest["apiVersion"].startswith("keda.sh/"):
            ScaledObject.model_validate(manifest)
        else:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    except (ValidationError, kubernetes_validate.ValidationError) as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_what_kustomize_builds_is_valid(name: str) -> None:
    manifests = build_kustomization(name)
    refused = {each["metadata"]["name"]: reason for each in manifests if (reason := refusal(each))}
    assert refused == {}
    identities = [(each["kind"], each["metadata"]["name"]) for each in manifests]
    assert len(identities) == len(set(identities))


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("Deployment", lambda spec: spec.update(replica=2)),
        ("Deployment", lambda spec: spec["template"]["spec"]["containers"][0].update(readinesProbe={})),
        ("Job", lambda spec: spec.update(backoffLimit="5")),
        ("ScaledObject", lambda spec: spec.update(maxReplicas=2)),
        ("ScaledObject", lambda spec: spec["triggers"][0]["metadata"].update(lagThreshold=3)),
        ("ScaledObject", lambda spec: spec["triggers"][0]["metadata"].update(lagTreshold="3")),
        ("ScaledObject", lambda spec: spec["triggers"][0]["metadata"].update(bootstrapServers="kafka:9092")),
    ],
)
def test_the_schemas_refuse_what_a_cluster_would(kind: str, spoil: Callable[[Manifest], object]) -> None:
    manifest = copy.deepcopy(next(each for each in build_kustomization("base") if each["kind"] == kind))
    spoil(manifest["spec"])
    assert refusal(manifest)


# What there is


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_every_service_is_a_deployment_started_as_compose_starts_it(name: str) -> None:
    deployments = of_kind(build_kustomization(name), "Deployment")
    assert set(deployments) == set(SERVICES)
    jobs = of_kind(build_kustomization(name), "Job")
    assert set(jobs) == ({"migrate", "seed"} if name == "overlays/local" else {"migrate"})
    for workload, each in {**deployments, **jobs}.items():
        [container] = each["spec"]["template"]["spec"]["containers"]
        assert "command" not in container
        assert container["args"] == COMPOSE[workload]["command"]


def test_the_base_names_no_namespace_and_holds_no_secret() -> None:
    for name in SCALED:
        for manifest in build_kustomization(name):
            assert "namespace" not in manifest["metadata"]
            assert manifest["kind"] != "Secret"


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_selectors_find_what_they_are_for(name: str) -> None:
    manifests = build_kustomization(name)
    labels = {workload: pod["metadata"]["labels"] for workload, pod in pods(manifests).items()}

    def selected(selector: Manifest) -> set[str]:
        return {workload for workload, own in labels.items() if selector.items() <= own.items()}

    for kind in ("Deployment", "StatefulSet", "PodDisruptionBudget"):
        for own, each in of_kind(manifests, kind).items():
            assert selected(each["spec"]["selector"]["matchLabels"]) == {own}
    for own, service in of_kind(manifests, "Service").items():
        assert selected(service["spec"]["selector"]) == {own}
        [port] = service["spec"]["ports"]
        named = {port["name"]: port["containerPort"] for port in pods(manifests)[own]["spec"]["containers"][0]["ports"]}
        target = port.get("targetPort", port["port"])
        assert target in named or target in named.values()
    for workload, pod in pods(manifests).items():
        for spread in pod["spec"].get("topologySpreadConstraints", []):
            assert workload in selected(spread["labelSelector"]["matchLabels"])
    [policy] = of_kind(manifests, "NetworkPolicy").values()
    assert selected(policy["spec"]["podSelector"]["matchLabels"]) == set(labels) - set(SERVERS)
    assert policy["spec"]["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]
    assert set(of_kind(manifests, "PodDisruptionBudget")) == set(SERVICES)


# Settings


def secrets_of(name: str) -> dict[str, dict[str, str]]:
    """Return the Secrets that a kustomization's pods find, by name: made by it, or as README.md makes them."""
    if name == "base":
        return {"leadflow-secrets": SECRETS["leadflow-secrets"] | {"LEADFLOW_JWT_SECRET": "s" * 32}}
    if name == "overlays/production":
        return SECRETS
    return {
        own: {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
        for own, secret in of_kind(build_kustomization(name), "Secret").items()
    }


def environment_of(name: str, workload: str) -> dict[str, str]:
    manifests = build_kustomization(name)
    container = pods(manifests)[workload]["spec"]["containers"][0]
    return pod_environment(manifests, container, secrets_of(name))


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
@pytest.mark.parametrize("workload", SETTINGS)
def test_every_variable_is_a_setting_and_every_needed_setting_is_there(name: str, workload: str) -> None:
    environment = environment_of(name, workload)
    image = {} if workload in SERVICES else image_environment()  # the migration serves nothing
    ours = {variable for variable in environment if variable.startswith("LEADFLOW_")}
    assert ours - set(image) <= variables(SETTINGS[workload])
    settings = read_settings(SETTINGS[workload], environment)
    for field in SETTINGS[workload].model_fields:
        value = plain(getattr(settings, field))
        off = field == "whatsapp_url" and not getattr(settings, "whatsapp_enabled", False)
        assert off or not re.search(r"127\.0\.0\.1|localhost", value), f"{field} is {value}: in a pod that is itself"


def test_the_base_changes_no_default() -> None:
    """But the address of Kafka: what the configuration table says holds here too."""
    for workload in SETTINGS:
        settings = read_settings(SETTINGS[workload], environment_of("base", workload))
        changed = {
            field
            for field, definition in SETTINGS[workload].model_fields.items()
            if getattr(settings, field) != definition.get_default()
        }
        expected = {"kafka_bootstrap", "postgres_url", "mongo_url", "http_host", "jwt_secret"}
        assert changed == expected & set(SETTINGS[workload].model_fields)


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_every_configmap_is_read(name: str) -> None:
    manifests = build_kustomization(name)
    read = {
        source["configMapRef"]["name"]
        for pod in pods(manifests).values()
        for container in containers(pod)
        for source in container.get("envFrom", [])
    }
    assert read == set(of_kind(manifests, "ConfigMap"))


def test_the_readme_makes_the_secret_and_the_configmap_that_pods_read() -> None:
    command = re.search(r"create secret generic leadflow-secrets(.*?)\n\n", README, re.DOTALL)
    assert command
    given = dict(re.findall(r"--from-literal=(\w+)='([^']+)'", command[1]))
    assert set(given) == set(SECRETS["leadflow-secrets"])
    references = {
        variable["valueFrom"]["secretKeyRef"]["key"]
        for pod in pods(build_kustomization("overlays/production")).values()
        for container in containers(pod)
        for variable in container.get("env", [])
    }
    assert references - set(given) == {"LEADFLOW_WHATSAPP_TOKEN"}
    assert all(f"`{key}`" in README for key in references - set(given))
    files = re.findall(r"--from-file=(\S+)", README)
    assert all((ROOT / file).is_file() for file in files)
    mounted = {source for name in ("platform", "seed") for source in _mounted_by_compose(name)}
    assert set(files) == mounted
    for folder in re.findall(r"apply -k (\S+)", README):
        assert (ROOT / folder / "kustomization.yaml").is_file()


def _mounted_by_compose(name: str) -> Iterator[str]:
    for volume in COMPOSE[name]["volumes"]:
        yield volume.removeprefix("./").partition(":")[0]


def test_production_accepts_tokens_of_the_identity_provider_alone() -> None:
    environment = environment_of("overlays/production", "api")
    assert environment["LEADFLOW_JWKS_URL"].startswith("https://")
    container = pods(build_kustomization("overlays/production"))["api"]["spec"]["containers"][0]
    assert "LEADFLOW_JWT_SECRET" not in {variable["name"] for variable in container["env"]}


def test_a_secret_is_given_to_those_who_need_it() -> None:
    """Nobody but creator has the provider's token, nobody but api the key of all tokens."""
    holders: dict[str, set[str]] = {}
    for workload, pod in pods(build_kustomization("base")).items():
        for variable in pod["spec"]["containers"][0]["env"]:
            holders.setdefault(variable["valueFrom"]["secretKeyRef"]["key"], set()).add(workload)
    expected: dict[str, set[str]] = {
        variable: {workload for workload in SETTINGS if variable in variables(SETTINGS[workload])}
        for variable in holders
    }
    assert holders == expected


# Health, end, room


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
@pytest.mark.parametrize("service", SERVICES)
def test_probes_ask_paths_that_exist_on_the_named_port(name: str, service: str) -> None:
    [container] = pods(build_kustomization(name))[service]["spec"]["containers"]
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert {kind: probe["path"] for kind, probe in probes.items()} == {
        "startup": "/health/live",
        "liveness": "/health/live",
        "readiness": "/health/ready",
    }
    paths = {route.path for route in health_routes(lambda: None)}  # type: ignore[arg-type, return-value]
    assert {probe["path"] for probe in probes.values()} <= paths
    assert {probe["port"] for probe in probes.values()} == {"http"}
    settings = read_settings(SETTINGS[service], environment_of(name, service))
    assert isinstance(settings, ServiceSettings)
    assert container["ports"] == [{"name": "http", "containerPort": settings.http_port}]
    assert settings.http_host == "0.0.0.0"
    annotations = pods(build_kustomization(name))[service]["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] in paths
    assert annotations["prometheus.io/port"] == str(settings.http_port)


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_time_to_finish_what_it_has_in_hand(name: str, service: str) -> None:
    spec = pods(build_kustomization(name))[service]["spec"]
    assert f"{spec['terminationGracePeriodSeconds']}s" == COMPOSE[service]["stop_grace_period"]
    [container] = spec["containers"]
    before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    # uvicorn's 20 s in api, the broker's 25 s in a consumer (services/api/main.py, libs/common/kafka/broker.py).
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
    if image.rpartition(":")[0].endswith(IMAGE):
        [line] = re.findall(r"^USER (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    else:
        line = next(each["user"] for each in COMPOSE.values() if each["image"] == image)
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
            in_compose = COMPOSE[workload if container["name"] == IMAGE else container["name"]]
            mounted = container.get("volumeMounts", [])
            assert {mount["name"] for mount in mounted} <= set(made)
            writable = {mount["mountPath"] for mount in mounted if not mount.get("readOnly")}
            read_only = {mount["mountPath"] for mount in mounted if mount.get("readOnly")}
            volumes = [volume.split(":") for volume in in_compose.get("volumes", [])]
            assert writable == {path.partition(":")[0] for path in in_compose.get("tmpfs", [])} | {
                target for source, target, *_ in volumes if not source.startswith("./")
            }
            files = {target.rpartition("/")[0] for source, target, *_ in volumes if source.startswith("./")}
            assert read_only == files
            if writable:
                assert pod["spec"]["securityContext"]["fsGroup"] == identity_of(container["image"])[1]


# Images and servers


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_images_are_those_of_compose(name: str) -> None:
    for pod in pods(build_kustomization(name)).values():
        for container in containers(pod):
            repository, _, tag = container["image"].rpartition(":")
            if container["name"] != IMAGE:
                assert container["image"] == COMPOSE[container["name"]]["image"]
                continue
            assert tag == project_version()
            expected = f"registry.example.com/{IMAGE}" if name == "overlays/production" else IMAGE
            assert repository == expected


def test_the_local_overlays_servers_are_those_of_compose() -> None:
    manifests = build_kustomization("overlays/local")
    servers = of_kind(manifests, "StatefulSet")
    assert set(servers) == set(SERVERS)
    for server, each in servers.items():
        [container] = each["spec"]["template"]["spec"]["containers"]
        in_compose = COMPOSE[server]
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
    assert platform["command"] == COMPOSE["platform"]["command"]
    environment = pod_environment(manifests, platform, secrets_of("overlays/local"))
    expected = {key: interpolate(value, {}) for key, value in COMPOSE["platform"]["environment"].items()}
    assert {key: environment[key] for key in expected} == expected


# Scaling


def test_the_registry_names_the_services_subscriptions() -> None:
    by_registry = {
        name: {(topic.name, name) for topic in TOPICS if name in topic.readers}
        | {(DEAD_LETTER, f"{name}-dead-letters") for reader in DEAD_LETTER_READERS if reader == name}
        for name in CONSUMERS
    }
    assert subscriptions() == by_registry


@pytest.mark.parametrize("name", SCALED)
def test_every_consumer_is_scaled_by_the_lag_of_its_own_topics(name: str) -> None:
    manifests = build_kustomization(name)
    scaled = {own: ScaledObject.model_validate(each) for own, each in of_kind(manifests, "ScaledObject").items()}
    assert set(scaled) == set(CONSUMERS)
    for own, each in scaled.items():
        assert each.spec.scale_target_ref.name == own
        triggers = [trigger.metadata for trigger in each.spec.triggers]
        assert {(trigger.topic, trigger.consumer_group) for trigger in triggers} == subscriptions()[own]
        assert len(triggers) == len(subscriptions()[own])
        environment = environment_of(name, own)
        for trigger in triggers:
            assert trigger.bootstrap_servers_from_env == "LEADFLOW_KAFKA_BOOTSTRAP"
            assert trigger.bootstrap_servers_from_env in environment
            assert trigger.offset_reset_policy == "earliest", "as the subscribers do"
            assert [int(part) for part in trigger.version.split(".")] >= [2, 1, 0], "Kafka 4 refuses older protocols"
        partitions = int(environment["LEADFLOW_TOPIC_PARTITIONS"])
        assert 1 <= each.spec.min_replica_count < each.spec.max_replica_count == partitions


@pytest.mark.parametrize("name", SCALED)
def test_applying_does_not_undo_scaling_and_a_rollout_cannot_stop(name: str) -> None:
    deployments = of_kind(build_kustomization(name), "Deployment")
    for own in CONSUMERS:
        assert "replicas" not in deployments[own]["spec"]
        # One process more than partitions has no assignment and is never ready.
        assert deployments[own]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert deployments["api"]["spec"]["replicas"] >= 2
    assert deployments["api"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_production_survives_a_node() -> None:
    manifests = build_kustomization("overlays/production")
    assert environment_of("overlays/production", "migrate")["LEADFLOW_TOPIC_REPLICATION"] == "3"
    assert of_kind(manifests, "Deployment")["api"]["spec"]["replicas"] == 3
    for each in of_kind(manifests, "ScaledObject").values():
        assert each["spec"]["minReplicaCount"] >= 2
    for service in SERVICES:
        keys = [spread["topologyKey"] for spread in pods(manifests)[service]["spec"]["topologySpreadConstraints"]]
        assert sorted(keys) == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]


def test_the_local_overlay_needs_no_keda_and_runs_one_of_each() -> None:
    manifests = build_kustomization("overlays/local")
    assert not of_kind(manifests, "ScaledObject")
    assert {each["spec"].get("replicas", 1) for each in of_kind(manifests, "Deployment", "StatefulSet").values()} == {1}


# Order


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_the_step_migrate_is_whole_and_starts_no_service(name: str) -> None:
    """README.md applies ``-l leadflow/step=migrate`` first: the Job, and all that it refers to."""
    step = tuple(
        each for each in build_kustomization(name) if each["metadata"]["labels"].get("leadflow/step") == "migrate"
    )
    assert set(pods(step)) == {"migrate"}
    environment = pod_environment(step, pods(step)["migrate"]["spec"]["containers"][0], secrets_of(name))
    assert read_settings(SETTINGS["migrate"], environment)
    assert of_kind(step, "NetworkPolicy")


def test_the_step_servers_is_whole() -> None:
    step = tuple(
        each
        for each in build_kustomization("overlays/local")
        if each["metadata"].get("labels", {}).get("leadflow/step") == "servers"
    )
    assert set(pods(step)) == set(of_kind(step, "Service")) == set(SERVERS)
    secrets = of_kind(step, "Secret")
    for pod in pods(step).values():
        for variable in pod["spec"]["containers"][0].get("env", []):
            if "valueFrom" in variable:
                reference = variable["valueFrom"]["secretKeyRef"]
                assert reference["key"] in secrets[reference["name"]]["data"]
