"""How the tests read docker-compose.yml, the Dockerfile and deploy/k8s, and what they are held to."""

import base64
import importlib.resources
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from pydantic_settings import BaseSettings

from deploy.local.process_names import GATEWAY, SIGN_IN, WHATSAPP
from deploy.processes import CONSUMERS, PROCESSES, SERVICES
from services.operator.settings import Settings as OperatorSettings
from tests.support.stack import ROOT

SETTINGS: dict[str, type[BaseSettings]] = {
    **{process.name: process.settings for process in PROCESSES},
    "migrate": OperatorSettings,
}
"""The class that each process of ours reads its environment with."""

IN_KUBERNETES = SETTINGS | {"operator": OperatorSettings}
"""The same of deploy/k8s, which also has what people on call start. Compose's they run beside it."""

ADDRESSES = {"postgres_url", "mongo_url", "kafka_bootstrap"}

IMAGE, DEMO_IMAGE, GATEWAY_IMAGE = "leadflow", "leadflow-demo", "leadflow-gateway"

Manifest = dict[str, Any]


def variables(settings: type[BaseSettings]) -> set[str]:
    """Return the names of the environment variables that these settings are read from."""
    return {f"LEADFLOW_{name.upper()}" for name in settings.model_fields}


def read_settings(settings: type[BaseSettings], environment: dict[str, str]) -> BaseSettings:
    """Read the settings as a process with this environment would. Raises pydantic's ValidationError."""
    with mock.patch.dict(os.environ, environment, clear=True):
        return settings()


def plain(value: object) -> str:
    """Return a setting's value as text, also a secret one's."""
    reveal = getattr(value, "get_secret_value", None)
    return str(reveal() if reveal else value)


@cache
def wired() -> dict[str, Any]:
    """Return what each consumer's ``main`` wires: (topic, group) of its subscribers, and its dead letters' topic."""
    script = f"""
import importlib, json
found = {{}}
for name in {CONSUMERS!r}:
    settings = importlib.import_module(f"services.{{name}}.settings").Settings()
    service = importlib.import_module(f"services.{{name}}.main").build(settings)
    subscribers = [(topic, each.group_id) for each in service.broker.subscribers for topic in each.topic_names]
    found[name] = {{"subscribers": subscribers, "dead_letters": service.delivery.dead_letters.topic}}
print(json.dumps(found))
"""
    # A process of its own: building a service sets up logging and tracing for the whole process.
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def subscriptions() -> dict[str, set[tuple[str, str]]]:
    """Return (topic, group) of every subscriber of each consumer."""
    return {name: {(topic, group) for topic, group in each["subscribers"]} for name, each in wired().items()}


def members(name: str) -> int:
    """Return as how many members of its group a consumer reads, at most of any topic."""
    return max(Counter((topic, group) for topic, group in wired()[name]["subscribers"]).values())


def project_version() -> str:
    found = re.search(r'^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found
    return found[1]


# Compose


class _ComposeLoader(yaml.SafeLoader):
    """Reads ``!reset``, which an override file takes an entry out with, as no value."""


_ComposeLoader.add_constructor("!reset", lambda _loader, _node: None)


def read_compose(path: str = "docker-compose.yml") -> Manifest:
    """Return one file with its anchors and merges resolved, variables as they are written."""
    read: Manifest = yaml.load((ROOT / path).read_text(), _ComposeLoader)
    return read


def compose_project() -> Manifest:
    """Return docker-compose.yml with the files that it includes."""
    project = read_compose()
    for path in project.pop("include", []):
        for section, entries in read_compose(path).items():
            if not section.startswith("x-"):
                assert not set(entries) & set(project.setdefault(section, {})), "a name stands in one file alone"
                project[section] |= entries
    return project


def compose_schema() -> Manifest:
    """Return the JSON schema of the compose specification, as the package check-jsonschema carries it."""
    folder = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema: Manifest = json.loads((folder / "compose-spec.json").read_text())
    return schema


_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<default>:-[^${}]*)?\}")


def interpolate(text: str, environment: dict[str, str]) -> str:
    """Put variables in as compose does. Knows ``${NAME:-default}``, and refuses every other form."""

    def value(found: re.Match[str]) -> str:
        assert found["default"], f"{text}: a variable without a default"
        return environment.get(found["name"]) or found["default"].removeprefix(":-")

    put_in = _VARIABLE.sub(value, text)
    assert "$" not in put_in.replace("$$", ""), f"{text}: a form of variables that this test cannot read"
    return put_in


def compose_environment(service: Manifest, given: dict[str, str]) -> dict[str, str]:
    """Return the environment of a container when ``given`` is what compose is run with."""
    found = {}
    for name, value in service.get("environment", {}).items():
        if value is not None:
            found[name] = interpolate(value, given)
        elif name in given:
            found[name] = given[name]
    return found


CONTAINERS: dict[str, Manifest] = compose_project()["services"]
ONE_SHOTS = ("platform", "migrate", "seed")
ON_DEMAND = ("token", "link", WHATSAPP)
OBSERVERS = ("prometheus", "grafana", "jaeger")
"""What people on call look at; built here too, but of others' images."""
DEMO = ("platform", "seed", SIGN_IN, *ON_DEMAND)
"""Containers of the demo's image."""
OURS = (*SERVICES, "migrate", GATEWAY, *DEMO)
"""Containers of the images that are built here."""


def volumes(name: str) -> list[tuple[str, str]]:
    """Return (source, target) of every volume and mounted file, without options."""
    pairs = [volume.split(":") for volume in CONTAINERS[name].get("volumes", [])]
    return [(source, target) for source, target, *_ in pairs]


# The image


def read_dockerfile() -> list[list[tuple[str, str]]]:
    """Return the stages of the Dockerfile, each a list of (instruction, arguments); arguments of FROM come first.

    Continued lines are joined.
    """
    stages: list[list[tuple[str, str]]] = [[]]
    lines = iter((ROOT / "Dockerfile").read_text().splitlines())
    for first in lines:
        line = first
        if not line.strip() or line.startswith("#"):
            continue
        while line.endswith("\\"):
            line = line[:-1].rstrip() + " " + next(lines).strip()
        instruction, _, arguments = line.partition(" ")
        if instruction == "FROM":
            stages.append([])
        stages[-1].append((instruction, arguments))
    return stages


def image_stage(name: str) -> list[tuple[str, str]]:
    """Return the stage of this name (``FROM … AS name``)."""
    [found] = [stage for stage in read_dockerfile() if ("FROM" in stage[0] and stage[0][1].endswith(f" AS {name}"))]
    return found


def image_environment() -> dict[str, str]:
    """Return what the image's ENV sets."""
    found: dict[str, str] = {}
    for instruction, arguments in image_stage(IMAGE):
        if instruction == "ENV":
            found |= dict(pair.split("=", 1) for pair in arguments.split())
    return found


# Kubernetes

ON_CALL = ("operator", "psql")
"""What people on call start. Compose has nothing of the kind."""

COMPONENTS = tuple(sorted(path.name for path in (ROOT / "deploy" / "k8s" / "components").iterdir()))

SCALED = "overlays/production+keda"
"""Where KEDA is; everywhere else is done without."""

SECURED = "overlays/production+keda+kafka-users+keda-kafka-user+postgres-users+certificates"
"""Where every server asks who is there."""

EVERYTHING = f"{SECURED}+hpa+strimzi+topic-prefix"
"""Where all of it runs in the cluster, and Kafka is shared."""

KUSTOMIZATIONS = ("base", "overlays/local", "overlays/production", SCALED, SECURED, EVERYTHING)
"""Folders of deploy/k8s; after a ``+``, a component whose line an operator of that overlay takes the mark off."""

KUBECTL = str(Path(sys.executable).parent / "kubectl")


@cache
def build_kustomization(name: str) -> tuple[Manifest, ...]:
    """Return what ``kubectl kustomize`` makes of a folder of deploy/k8s, with the components named after it."""
    folder, *components = name.split("+")
    if not components:
        return kustomize(ROOT / "deploy" / "k8s" / folder)
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(ROOT / "deploy" / "k8s", copy, dirs_exist_ok=True)
        take_in(Path(copy) / folder, *components)
        return kustomize(Path(copy) / folder)


def take_in(overlay: Path, *components: str) -> None:
    """Take the marks off these components' lines, as README.md tells an operator to."""
    file = overlay / "kustomization.yaml"
    text = file.read_text()
    for line in ["components:", *(rf"  - ../../components/{each}(?= |$)" for each in components)]:
        text, found = re.subn(rf"^# ({line})", r"\1", text, count=1, flags=re.MULTILINE)
        assert found, f"no line {line}"
    file.write_text(text)


def kustomize(folder: Path) -> tuple[Manifest, ...]:
    """Return what is made of this folder. Fails also when kustomize warns."""
    done = subprocess.run([KUBECTL, "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, f"kustomize warns: {done.stderr}"
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(manifests: tuple[Manifest, ...], *kinds: str) -> dict[str, Manifest]:
    """Return the objects of these kinds by their name."""
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] in kinds}


def pods(manifests: tuple[Manifest, ...]) -> dict[str, Manifest]:
    """Return the pod templates of all workloads, by the workload's name."""
    workloads = of_kind(manifests, "Deployment", "StatefulSet", "Job", "DaemonSet", "CronJob")
    return {name: job_of(workload)["spec"]["template"] for name, workload in workloads.items()}


def job_of(workload: Manifest) -> Manifest:
    """Return what a CronJob makes Jobs of; any other workload as it is."""
    made: Manifest = workload["spec"]["jobTemplate"] if workload["kind"] == "CronJob" else workload
    return made


def containers(pod: Manifest) -> list[Manifest]:
    """Return the containers of a pod template, those that run before the others included."""
    spec = pod["spec"]
    found: list[Manifest] = [*spec.get("initContainers", []), *spec["containers"]]
    return found


def pod_environment(
    manifests: tuple[Manifest, ...], container: Manifest, secrets: dict[str, dict[str, str]]
) -> dict[str, str]:
    """Return a container's environment. Fails when it refers to something that neither exists nor is optional."""
    configs = of_kind(manifests, "ConfigMap")
    found = dict(image_environment())
    for source in container.get("envFrom", []):
        found |= configs[source["configMapRef"]["name"]]["data"]
    for variable in container.get("env", []):
        if "value" in variable:
            found[variable["name"]] = variable["value"]
            continue
        reference = variable["valueFrom"]["secretKeyRef"]
        values = secrets[reference["name"]]
        if reference["key"] in values or not reference.get("optional"):
            found[variable["name"]] = values[reference["key"]]
    mounted = {mount["mountPath"] for mount in container.get("volumeMounts", [])}
    for name, value in found.items():
        if name.startswith("LEADFLOW_") and value.startswith("/"):
            assert value.rpartition("/")[0] in mounted, f"{name} is {value}, and nothing is mounted there"
            found[name] = str(ROOT / "LICENSE")  # a file that is there: settings look whether they can read it
    return found


SECRETS = {
    "leadflow-secrets": {
        "LEADFLOW_POSTGRES_URL": "postgresql://somebody:secret@db.example.com:5432/leadflow",
        "LEADFLOW_MONGO_URL": "mongodb://somebody:secret@mongo.example.com:27017/leadflow",
    },
    "leadflow-kafka-users": {name: f"secret of {name}" for name in (*SERVICES, "migrate", "operator")},
    "leadflow-postgres-users": {
        name: f"postgresql://{name}:secret@db.example.com:5432/leadflow" for name in (*SERVICES, "migrate", "operator")
    },
}
"""What README.md has the operator put into the Secrets; base also takes LEADFLOW_JWT_SECRET."""


def secrets_of(name: str) -> dict[str, dict[str, str]]:
    """Return the Secrets that a kustomization's pods find, by name: made by it, or as README.md makes them."""
    if name == "base":
        return {"leadflow-secrets": SECRETS["leadflow-secrets"] | {"LEADFLOW_JWT_SECRET": "s" * 32}}
    if name.startswith("overlays/production"):
        return SECRETS
    return {
        own: {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
        for own, secret in of_kind(build_kustomization(name), "Secret").items()
    }


def environment_of(name: str, workload: str) -> dict[str, str]:
    manifests = build_kustomization(name)
    container = pods(manifests)[workload]["spec"]["containers"][0]
    return pod_environment(manifests, container, secrets_of(name))
