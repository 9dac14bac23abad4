"""How deploy/k8s scales the consumers."""

import pytest

from deploy.processes import BY_NAME, CONSUMERS, PARTITIONS, SERVICES
from libs.common.settings import KafkaSettings
from tests.support.keda import ScaledObject
from tests.support.manifests import (
    IN_KUBERNETES,
    KUSTOMIZATIONS,
    SCALED,
    SECURED,
    build_kustomization,
    environment_of,
    members,
    of_kind,
    pods,
    read_settings,
    subscriptions,
)

# Scaling


def test_the_registry_names_the_services_subscriptions() -> None:
    assert subscriptions() == {name: set(BY_NAME[name].subscriptions) for name in CONSUMERS}


def test_every_consumer_is_scaled_by_the_lag_of_its_own_topics() -> None:
    manifests = build_kustomization(SCALED)
    scaled = {own: ScaledObject.model_validate(each) for own, each in of_kind(manifests, "ScaledObject").items()}
    assert set(scaled) == set(CONSUMERS)
    for own, each in scaled.items():
        assert each.spec.scale_target_ref.name == own
        triggers = [trigger.metadata for trigger in each.spec.triggers]
        assert {(trigger.topic, trigger.consumer_group) for trigger in triggers} == subscriptions()[own]
        assert len(triggers) == len(subscriptions()[own])
        environment = environment_of(SCALED, own)
        for trigger in triggers:
            assert trigger.bootstrap_servers_from_env == "LEADFLOW_KAFKA_BOOTSTRAP"
            assert trigger.bootstrap_servers_from_env in environment
            assert trigger.offset_reset_policy == "earliest", "as the subscribers do"
            assert [int(part) for part in trigger.version.split(".")] >= [2, 1, 0], "Kafka 4 refuses older protocols"
        assert each.spec.min_replica_count == BY_NAME[own].minimum < each.spec.max_replica_count == BY_NAME[own].maximum
        assert {trigger.lag_threshold for trigger in triggers} == {str(BY_NAME[own].lag_threshold)}


@pytest.mark.parametrize("name", [f"{SCALED}+topic-prefix", f"{SECURED}+topic-prefix"])
def test_where_topics_have_a_prefix_keda_asks_for_the_lag_of_those_that_are_read(name: str) -> None:
    prefixes = {environment_of(name, workload)["LEADFLOW_KAFKA_TOPIC_PREFIX"] for workload in IN_KUBERNETES}
    [prefix] = prefixes
    assert prefix
    scaled = of_kind(build_kustomization(name), "ScaledObject")
    assert set(scaled) == set(CONSUMERS)
    for own, each in scaled.items():
        triggers = [trigger.metadata for trigger in ScaledObject.model_validate(each).spec.triggers]
        expected = {(prefix + topic, prefix + group) for topic, group in subscriptions()[own]}
        assert {(trigger.topic, trigger.consumer_group) for trigger in triggers} == expected
        assert len(triggers) == len(expected)


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_every_member_of_a_group_that_can_be_started_gets_a_partition(name: str) -> None:
    """A pod without one would take up room and do nothing."""
    manifests = build_kustomization(name)
    assert KafkaSettings.model_fields["topic_partitions"].default == PARTITIONS
    for own in CONSUMERS:
        environment = environment_of(name, own)
        settings = read_settings(IN_KUBERNETES[own], environment)
        process = BY_NAME[own]
        each = getattr(settings, process.consumers_setting) if process.consumers_setting else 1
        assert process.consumers == members(own), "consumers_setting in the table says how many members a process is"
        scaled = of_kind(manifests, "ScaledObject").get(own)
        fixed = of_kind(manifests, "Deployment")[own]["spec"]
        most = scaled["spec"]["maxReplicaCount"] if scaled else fixed["replicas"]
        assert most * each <= int(environment["LEADFLOW_TOPIC_PARTITIONS"]), own


def test_the_last_process_is_started_although_the_autoscaler_overlooks_a_tenth() -> None:
    """KEDA takes a group's lag for partitions times threshold at most, unless idle consumers are allowed.

    Of twelve processes that would ask for 36 / 3 = 12 where 11 run: a twelfth more, and the autoscaler does nothing
    below a tenth. So the lag is told as it is, and the maximum keeps the group within its partitions.
    """
    for each in of_kind(build_kustomization(SCALED), "ScaledObject").values():
        scaled = ScaledObject.model_validate(each).spec
        assert {trigger.metadata.allow_idle_consumers for trigger in scaled.triggers} == {"true"}


def test_with_keda_applying_does_not_undo_scaling() -> None:
    deployments = of_kind(build_kustomization(SCALED), "Deployment")
    assert [own for own in CONSUMERS if "replicas" in deployments[own]["spec"]] == []


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_a_rollout_cannot_stop(name: str) -> None:
    deployments = of_kind(build_kustomization(name), "Deployment")
    for own in CONSUMERS:
        assert deployments[own]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    for own in set(SERVICES) - set(CONSUMERS):
        assert deployments[own]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@pytest.mark.parametrize("name", ["base", "overlays/production"])
def test_without_keda_two_of_each_and_three_of_api_run_and_nothing_of_keda_is_asked_of_the_cluster(name: str) -> None:
    manifests = build_kustomization(name)
    assert {each["apiVersion"] for each in manifests if "keda" in each["apiVersion"]} == set()
    replicas = {own: each["spec"]["replicas"] for own, each in of_kind(manifests, "Deployment").items()}
    assert replicas == dict.fromkeys(SERVICES, 2) | {"api": 3}


@pytest.mark.parametrize("name", ["overlays/production", SCALED, SECURED])
def test_production_survives_a_node(name: str) -> None:
    manifests = build_kustomization(name)
    assert environment_of(name, "migrate")["LEADFLOW_TOPIC_REPLICATION"] == "3"
    for own, deployment in of_kind(manifests, "Deployment").items():
        scaled = of_kind(manifests, "ScaledObject").get(own)
        assert (scaled["spec"]["minReplicaCount"] if scaled else deployment["spec"]["replicas"]) >= 2
    for service in SERVICES:
        keys = [spread["topologyKey"] for spread in pods(manifests)[service]["spec"]["topologySpreadConstraints"]]
        assert sorted(keys) == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]


def test_the_local_overlay_needs_no_keda_and_runs_one_of_each() -> None:
    manifests = build_kustomization("overlays/local")
    assert not of_kind(manifests, "ScaledObject")
    assert {each["spec"].get("replicas", 1) for each in of_kind(manifests, "Deployment", "StatefulSet").values()} == {1}
