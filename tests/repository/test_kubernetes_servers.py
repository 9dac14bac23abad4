"""deploy/k8s with Strimzi, with a pooler, and with api scaled by the cores that it uses."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from deploy.kafka_rights import KEDA, MIGRATE, OPERATOR, USER_PREFIX, rights
from deploy.processes import BY_NAME, CONSUMERS, PARTITIONS, PROCESSES, SERVICES
from libs.common.settings import PostgresSettings
from libs.contracts.registry import registries
from tests.support.manifests import (
    SCALED,
    SECURED,
    build_kustomization,
    containers,
    environment_of,
    kustomize,
    of_kind,
    pods,
    take_in,
)
from tests.support.runbook import sections
from tests.support.stack import ROOT
from tests.support.strimzi import KafkaTopic, KafkaUser

STRIMZI = f"{SECURED}+strimzi"
ANSWERING = sorted(set(SERVICES) - set(CONSUMERS))


def strimzi_topics(name: str = STRIMZI) -> list[KafkaTopic]:
    return [KafkaTopic.model_validate(each) for each in build_kustomization(name) if each["kind"] == "KafkaTopic"]


def strimzi_users(name: str = STRIMZI) -> dict[str, KafkaUser]:
    found = of_kind(build_kustomization(name), "KafkaUser")
    return {own: KafkaUser.model_validate(each) for own, each in found.items()}


def declared_topics() -> set[str]:
    letters = {each.dead_letters.topic for each in registries() if each.dead_letters}
    return letters | {topic.name for registry in registries() for topic in registry.topics}


# Strimzi


def test_strimzi_makes_every_topic_as_the_migration_would() -> None:
    found = {topic.spec.topic_name: topic.spec for topic in strimzi_topics()}
    assert set(found) == declared_topics()
    hours = {topic.name: topic.retention_hours for registry in registries() for topic in registry.topics}
    public = {topic.name for registry in registries() for topic in registry.topics if topic.public}
    for name, spec in found.items():
        assert (spec.partitions, spec.replicas, spec.config["min.insync.replicas"]) == (PARTITIONS, 3, "2")
        assert spec.config["message.timestamp.type"] == "LogAppendTime"
        if name in hours:
            assert spec.config["retention.ms"] == str(hours[name] * 3_600_000)
        assert (spec.config.get("compression.type") == "uncompressed") == (name in public)


def test_strimzi_gives_each_user_its_rights_and_the_password_that_its_pods_have() -> None:
    users = strimzi_users()
    assert set(users) == {f"{USER_PREFIX}{name}" for name in rights()}
    for name, needed in rights().items():
        spec = users[f"{USER_PREFIX}{name}"].spec
        given = {
            (rule.resource.type, rule.resource.name, each)
            for rule in spec.authorization.acls
            for each in rule.operations
        }
        assert given == {(each.resource, each.name, each.operation) for each in needed}
        password = spec.authentication.password
        reference = password and (password.value_from.secret_key_ref.name, password.value_from.secret_key_ref.key)
        if name in (*SERVICES, MIGRATE, OPERATOR):
            assert reference == ("leadflow-kafka-users", name)
        else:
            assert (name, reference) == (KEDA, ("leadflow-kafka-keda", "password"))


def test_everything_of_strimzi_belongs_to_one_kafka_whose_name_is_put_in_once() -> None:
    metadata = [*(each.metadata for each in strimzi_topics()), *(each.metadata for each in strimzi_users().values())]
    assert {each.labels["strimzi.io/cluster"] for each in metadata} == {"kafka"}


def test_where_topics_have_a_prefix_strimzi_makes_them_with_it_and_allows_those() -> None:
    name = f"{STRIMZI}+topic-prefix"
    prefix = environment_of(name, MIGRATE)["LEADFLOW_KAFKA_TOPIC_PREFIX"]
    assert {topic.spec.topic_name for topic in strimzi_topics(name)} == {prefix + own for own in declared_topics()}
    for own, needed in rights(prefix=prefix).items():
        rules = strimzi_users(name)[f"{USER_PREFIX}{own}"].spec.authorization.acls
        assert {rule.resource.name for rule in rules} == {each.name for each in needed}


# A pooler


@pytest.mark.parametrize("name", ["overlays/production+pooler", f"{SECURED}+pooler"])
def test_behind_a_pooler_every_service_says_so_and_the_migration_goes_past_it(name: str) -> None:
    manifests = build_kustomization(name)
    configs = of_kind(manifests, "ConfigMap")
    for workload in (*SERVICES, MIGRATE, OPERATOR):
        [container] = containers(pods(manifests)[workload])
        sources = [each["configMapRef"]["name"] for each in container["envFrom"]]
        said = {key: value for each in sources for key, value in configs[each]["data"].items()}
        said |= {each["name"]: each["value"] for each in container["env"] if "value" in each}
        assert said.get("LEADFLOW_POSTGRES_POOLER") == (None if workload == MIGRATE else "transaction")
    [container] = containers(pods(manifests)[MIGRATE])
    [owner] = [each for each in container["env"] if each["name"] == "LEADFLOW_POSTGRES_OWNER_URL"]
    assert owner["valueFrom"]["secretKeyRef"].get("optional") is False


def test_partitions_are_added_as_the_runbook_says_where_strimzi_makes_topics(tmp_path: Path) -> None:
    """By patches in the overlay: what is set past the objects does not stay."""
    printed = re.search(r"^```yaml\n(.*?)^```$", sections()["Add partitions"], re.MULTILINE | re.DOTALL)
    assert printed
    shutil.copytree(ROOT / "deploy" / "k8s", tmp_path, dirs_exist_ok=True)
    overlay = tmp_path / "overlays" / "production"
    take_in(overlay, "keda", "strimzi", "kafka-users", "keda-kafka-user")
    file = overlay / "kustomization.yaml"
    own = yaml.safe_load(file.read_text())
    own["patches"] += yaml.safe_load(printed[1])
    file.write_text(yaml.safe_dump(own))
    made = kustomize(overlay)
    topics = [each["spec"]["partitions"] for each in made if each["kind"] == "KafkaTopic"]
    assert topics == [24] * len(strimzi_topics())
    scaled = {name: each["spec"]["maxReplicaCount"] for name, each in of_kind(made, "ScaledObject").items()}
    assert scaled == {each: BY_NAME[each].maximum for each in CONSUMERS} | {"creator": 8}


def test_the_page_on_providers_says_how_many_topics_there_are() -> None:
    topics = len(strimzi_topics())
    page = (ROOT / "docs" / "guide" / "managed-servers.md").read_text()
    assert f"{topics} topics of {PARTITIONS} partitions" in page


def test_services_reach_the_pooler_where_there_is_one() -> None:
    policies = of_kind(build_kustomization("overlays/production+pooler"), "NetworkPolicy")
    [rule] = policies["leadflow-pooler"]["spec"]["egress"]
    assert [each["port"] for each in rule["ports"]] == [6432]


# api


def millicores(quantity: str) -> float:
    return float(quantity.removesuffix("m")) if quantity.endswith("m") else float(quantity) * 1000


def test_who_answers_calls_is_scaled_by_the_cores_that_it_uses() -> None:
    manifests = build_kustomization(f"{SCALED}+hpa")
    found = of_kind(manifests, "HorizontalPodAutoscaler")
    assert sorted(found) == ANSWERING
    for own, each in found.items():
        spec, process = each["spec"], BY_NAME[own]
        assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": own}
        assert (spec["minReplicas"], spec["maxReplicas"]) == (process.minimum, process.maximum)
        [metric] = spec["metrics"]
        assert metric["resource"]["target"] == {"type": "AverageValue", "averageValue": process.busy_cores}
        assert millicores(process.busy_cores) < millicores(process.resources.cpu_limit), "or it is never reached"
        assert "replicas" not in of_kind(manifests, "Deployment")[own]["spec"], "applying would undo the scaling"


@pytest.mark.parametrize("page", ["deploy/k8s/README.md", "docs/guide/managed-servers.md", "docs/guide/postgresql.md"])
def test_every_page_says_how_many_connections_to_postgresql_are_needed(page: str) -> None:
    each = PostgresSettings.model_fields["postgres_pool_size"].default
    least = sum(process.minimum for process in PROCESSES)
    scaled = sum(process.maximum if process.kind == "consumer" else process.minimum for process in PROCESSES)
    most = sum(process.maximum for process in PROCESSES)
    text = " ".join((ROOT / page).read_text().split())
    assert re.search(rf"needs {each} connections a process|\({each}\)|`, {each} a process", text)
    assert (
        f"{each * least} when three api and two of each other run, {each * scaled} when KEDA has started all that it"
        f" may, {each * most} when the autoscaler has, too." in text
    )
