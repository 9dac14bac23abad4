"""deploy/k8s, without a cluster: held to the schemas, to the settings, to docker-compose.yml; in what order."""

import copy
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import kubernetes_validate
import pytest
from pydantic import ValidationError

from deploy.processes import PROCESSES, SERVERS, SERVICES
from tests.support.keda import KINDS
from tests.support.manifests import (
    CONTAINERS,
    IN_KUBERNETES,
    KUBECTL,
    KUSTOMIZATIONS,
    ON_CALL,
    SCALED,
    SECRETS,
    Manifest,
    build_kustomization,
    containers,
    environment_of,
    image_environment,
    kustomize,
    of_kind,
    plain,
    pod_environment,
    pods,
    read_settings,
    secrets_of,
    variables,
)
from tests.support.stack import ROOT
from tests.support.strimzi import KINDS as STRIMZI_KINDS

OLDEST, NEWEST = "1.30", "1.37"
README = (ROOT / "deploy" / "k8s" / "README.md").read_text()


def refusal(manifest: Manifest) -> str | None:
    """Return why an API server would refuse this, or None."""
    try:
        if manifest["apiVersion"].startswith("keda.sh/"):
            KINDS[manifest["kind"]].model_validate(manifest)
        elif manifest["apiVersion"].startswith("kafka.strimzi.io/"):
            STRIMZI_KINDS[manifest["kind"]].model_validate(manifest)
        else:
            for version in (OLDEST, NEWEST):
                kubernetes_validate.validate(manifest, version, strict=True)
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
        ("CronJob", lambda spec: spec["jobTemplate"]["spec"].update(backoffLimit="5")),
        ("ScaledObject", lambda spec: spec.update(maxReplicas=2)),
        ("ScaledObject", lambda spec: spec["triggers"][0]["metadata"].update(lagThreshold=3)),
        ("ScaledObject", lambda spec: spec["triggers"][0]["metadata"].update(lagTreshold="3")),
        ("ScaledObject", lambda spec: spec["triggers"][0]["metadata"].update(bootstrapServers="kafka:9092")),
    ],
)
def test_the_schemas_refuse_what_a_cluster_would(kind: str, spoil: Callable[[Manifest], object]) -> None:
    manifest = copy.deepcopy(next(each for each in build_kustomization(SCALED) if each["kind"] == kind))
    spoil(manifest["spec"])
    assert refusal(manifest)


# What there is


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_every_service_is_a_deployment_started_as_compose_starts_it(name: str) -> None:
    deployments = of_kind(build_kustomization(name), "Deployment")
    assert set(deployments) == set(SERVICES)
    jobs = of_kind(build_kustomization(name), "CronJob")
    assert set(jobs) == {"migrate", *ON_CALL} | ({"seed"} if name == "overlays/local" else set())
    for workload in {*deployments, *jobs} - {*ON_CALL}:
        [container] = pods(build_kustomization(name))[workload]["spec"]["containers"]
        assert "command" not in container
        assert container["args"] == CONTAINERS[workload]["command"]


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_nothing_runs_that_nobody_asked_for(name: str) -> None:
    """The migration, and what people on call start: they never come by themselves, and what they left goes."""
    for own, each in of_kind(build_kustomization(name), "CronJob").items():
        assert each["spec"]["suspend"] is True, own
        assert each["spec"]["jobTemplate"]["spec"]["ttlSecondsAfterFinished"], own


def test_the_base_names_no_namespace_and_holds_no_secret() -> None:
    for name in ("base", "overlays/production", SCALED):
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
    for own, policy in of_kind(manifests, "NetworkPolicy").items():
        ours = {own} if own in labels else set(labels) - set(SERVERS)
        assert selected(policy["spec"]["podSelector"]["matchLabels"]) == ours
    assert set(of_kind(manifests, "PodDisruptionBudget")) == set(SERVICES)


# Settings


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
@pytest.mark.parametrize("workload", IN_KUBERNETES)
def test_every_variable_is_a_setting_and_every_needed_setting_is_there(name: str, workload: str) -> None:
    environment = environment_of(name, workload)
    image = {} if workload in SERVICES else image_environment()  # the migration serves nothing
    ours = {variable for variable in environment if variable.startswith("LEADFLOW_")}
    assert ours - set(image) <= variables(IN_KUBERNETES[workload])
    settings = read_settings(IN_KUBERNETES[workload], environment)
    for field in IN_KUBERNETES[workload].model_fields:
        value = plain(getattr(settings, field))
        off = field == "whatsapp_url" and not getattr(settings, "whatsapp_enabled", False)
        assert off or not re.search(r"127\.0\.0\.1|localhost", value), f"{field} is {value}: in a pod that is itself"


def test_the_base_changes_no_default() -> None:
    """But Kafka's address, and a port of its own for health checks: what the table of settings says holds here too."""
    for workload in IN_KUBERNETES:
        settings = read_settings(IN_KUBERNETES[workload], environment_of("base", workload))
        changed = {
            field
            for field, definition in IN_KUBERNETES[workload].model_fields.items()
            if getattr(settings, field) != definition.get_default()
        }
        expected = {"kafka_bootstrap", "postgres_url", "mongo_url", "http_host", "http_private_port", "jwt_secret"}
        assert changed == expected & set(IN_KUBERNETES[workload].model_fields)


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


def test_the_readme_makes_the_secret_that_pods_read() -> None:
    command = re.search(r"create secret generic leadflow-secrets(.*?)\n\n", README, re.DOTALL)
    assert command
    given = dict(re.findall(r"--from-literal=(\w+)='([^']+)'", command[1]))
    assert set(given) == set(SECRETS["leadflow-secrets"])
    references = {
        variable["valueFrom"]["secretKeyRef"]["key"]
        for pod in pods(build_kustomization("overlays/production")).values()
        for container in containers(pod)
        for variable in container.get("env", [])
        if "valueFrom" in variable
    }
    # The identity provider takes the place of the tokens' secret here.
    optional = {f"LEADFLOW_{name.upper()}" for each in PROCESSES for name, may_miss in each.secrets.items() if may_miss}
    assert references - set(given) == optional - {"LEADFLOW_JWT_SECRET"} | {"LEADFLOW_POSTGRES_OWNER_URL"}
    assert all(f"`{key}`" in README for key in references - set(given))
    for folder in re.findall(r"apply -k (\S+)", README):
        assert (ROOT / folder / "kustomization.yaml").is_file()


def test_production_accepts_tokens_of_the_identity_provider_alone() -> None:
    environment = environment_of("overlays/production", "api")
    assert environment["LEADFLOW_JWKS_URL"].startswith("https://")
    container = pods(build_kustomization("overlays/production"))["api"]["spec"]["containers"][0]
    assert "LEADFLOW_JWT_SECRET" not in {variable["name"] for variable in container["env"]}


def test_a_secret_is_given_to_those_who_need_it() -> None:
    """Nobody but creator has the provider's token, nobody but api the key of all tokens.

    Of PostgreSQL's addresses the people on call have their own, not that of the tables' owner.
    """
    holders: dict[str, set[str]] = {}
    for workload, pod in pods(build_kustomization("base")).items():
        for variable in pod["spec"]["containers"][0].get("env", []):
            if "valueFrom" not in variable:
                continue
            holders.setdefault(variable["valueFrom"]["secretKeyRef"]["key"], set()).add(workload)
    expected: dict[str, set[str]] = {
        variable: {workload for workload in IN_KUBERNETES if variable in variables(IN_KUBERNETES[workload])}
        for variable in holders
    }
    expected["LEADFLOW_POSTGRES_OWNER_URL"].remove("operator")
    expected["LEADFLOW_POSTGRES_URL"].add("psql")
    assert holders == expected


def test_the_readme_names_the_versions_that_the_manifests_are_held_to() -> None:
    client = subprocess.run([KUBECTL, "version", "--client"], capture_output=True, text=True, check=True).stdout
    assert f"Client Version: v{NEWEST}." in client, "the client in requirements/dev.txt and the schemas go together"
    assert README.count(f"{OLDEST} or newer") == 2
    assert f"kubectl {NEWEST}" in README


# Change

MAY_CHANGE = {
    "Deployment": {"replicas", "strategy", "template", "revisionHistoryLimit"},
    "StatefulSet": {"replicas", "template", "updateStrategy", "revisionHistoryLimit"},
    "Job": {"suspend", "parallelism", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"},
    "CronJob": {"schedule", "suspend", "jobTemplate"},
}
"""What an API server lets be changed of a workload's ``spec`` once it is there; the rest it refuses."""


def fixed(manifests: tuple[Manifest, ...]) -> dict[tuple[str, str], Manifest]:
    """Return, by kind and name, what nobody can change of a workload."""
    return {
        (kind, name): {key: value for key, value in each["spec"].items() if key not in MAY_CHANGE[kind]}
        for kind in MAY_CHANGE
        for name, each in of_kind(manifests, kind).items()
    }


@pytest.mark.parametrize("name", ["overlays/local", "overlays/production"])
def test_another_version_or_setting_can_be_applied_over_what_runs(name: str, tmp_path: Path) -> None:
    """Of a changed line in a ConfigMap the hash in its name changes, and so every pod that refers to it."""
    shutil.copytree(ROOT / "deploy" / "k8s", tmp_path, dirs_exist_ok=True)
    overlay, base = (tmp_path / each / "kustomization.yaml" for each in (name, "base"))
    overlay.write_text(overlay.read_text().replace("newTag: 0.1.0", "newTag: 0.2.0").replace("=leadflow", "=other"))
    base.write_text(base.read_text().replace("LEADFLOW_TOPIC_PARTITIONS=12", "LEADFLOW_TOPIC_PARTITIONS=24"))
    before, after = build_kustomization(name), kustomize(tmp_path / name)
    for workload in IN_KUBERNETES:
        assert pods(before)[workload] != pods(after)[workload], f"{workload} is not touched: this test shows nothing"
    assert fixed(before) == fixed(after)


# Order


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_the_step_migrate_is_whole_and_starts_no_service(name: str) -> None:
    """README.md applies ``-l leadflow/step=migrate`` first: the Job, and all that it refers to."""
    step = tuple(
        each for each in build_kustomization(name) if each["metadata"]["labels"].get("leadflow/step") == "migrate"
    )
    assert set(pods(step)) == {"migrate"}
    environment = pod_environment(step, pods(step)["migrate"]["spec"]["containers"][0], secrets_of(name))
    assert read_settings(IN_KUBERNETES["migrate"], environment)
    assert set(of_kind(step, "NetworkPolicy")) == {"leadflow", "migrate"}


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
