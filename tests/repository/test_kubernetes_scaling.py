"""How deploy/k8s scales the consumers."""

import pytest

from deploy.processes import BY_NAME, CONSUMERS, PARTITIONS, PROCESSES, SERVICES
from libs.common.settings import KafkaSettings
from tests.support.keda import ScaledObject
from tests.support.manifests import (
    SCALED,
    build_kustomization,
    environment_of,
    of_kind,
    pods,
    subscriptions,
)

# Scaling


def test_the_registry_names_the_services_subscriptions() -> None:
    assert subscriptions() == {name: set(BY_NAME[name].subscriptions) for name in CONSUMERS}


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
        assert 1 <= each.spec.min_replica_count < each.spec.max_replica_count == BY_NAME[own].maximum <= partitions
        assert {trigger.lag_threshold for trigger in triggers} == {str(BY_NAME[own].lag_threshold)}


def test_a_consumer_is_not_scaled_beyond_the_partitions() -> None:
    assert KafkaSettings.model_fields["topic_partitions"].default == PARTITIONS
    assert {process.maximum for process in PROCESSES} <= set(range(1, PARTITIONS + 1))


@pytest.mark.parametrize("name", SCALED)
def test_applying_does_not_undo_scaling_and_a_rollout_cannot_stop(name: str) -> None:
    deployments = of_kind(build_kustomization(name), "Deployment")
    for own in CONSUMERS:
        assert "replicas" not in deployments[own]["spec"]
        # One process more than partitions has no assignment and is never ready.
        assert deployments[own]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    for own in set(SERVICES) - set(CONSUMERS):
        assert deployments[own]["spec"]["replicas"] >= 2
        assert deployments[own]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


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
