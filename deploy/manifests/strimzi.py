"""deploy/k8s/components/strimzi: topics and users as objects of the operator that runs Kafka in Kubernetes.

The operator then makes the topics, and gives each user its password and rights. `leadflow migrate` finds the topics
there and changes nothing.
"""

from itertools import groupby
from typing import Any

import yaml

from deploy.kafka_rights import KEDA, MIGRATE, OPERATOR, USER_PREFIX, Right, rights
from deploy.processes import PARTITIONS
from deploy.processes import SERVICES as SERVICE_NAMES
from libs.common.kafka.admin import topic_settings
from libs.common.settings import KafkaSettings
from libs.contracts.registry import registries

TOPICS = "deploy/k8s/components/strimzi/topics.yaml"
USERS = "deploy/k8s/components/strimzi/users.yaml"
HEADER = "# Written by `make manifests` from the topics' registries.\n"

API = "kafka.strimzi.io/v1"
CLUSTER = {"strimzi.io/cluster": "kafka"}
REPLICAS = 3
"""One broker may be away."""

Manifest = dict[str, Any]


def files() -> dict[str, str]:
    """Return the text of each file by its path in the checkout."""
    return {TOPICS: _text(_topics()), USERS: _text(_users())}


def _text(documents: list[Manifest]) -> str:
    return HEADER + yaml.safe_dump_all(documents, sort_keys=False, width=120)


def _topics() -> list[Manifest]:
    settings = KafkaSettings.model_construct(topic_replication=REPLICAS)
    return [
        _object(
            "KafkaTopic", name, {"topicName": name, "partitions": PARTITIONS, "replicas": REPLICAS, "config": config}
        )
        for name, config in topic_settings(settings, registries()).items()
    ]


def _users() -> list[Manifest]:
    return [
        _object(
            "KafkaUser",
            f"{USER_PREFIX}{name}",
            {"authentication": _authentication(name), "authorization": {"type": "simple", "acls": _acls(needed)}},
        )
        for name, needed in rights().items()
    ]


def _authentication(name: str) -> Manifest:
    """Return how the user logs in: with the password that its pods have. Else Strimzi makes one."""
    secret = {
        **{each: ("leadflow-kafka-users", each) for each in (*SERVICE_NAMES, MIGRATE, OPERATOR)},
        KEDA: ("leadflow-kafka-keda", "password"),
    }.get(name)
    scram: Manifest = {"type": "scram-sha-512"}
    if secret is None:
        return scram
    return scram | {"password": {"valueFrom": {"secretKeyRef": {"name": secret[0], "key": secret[1]}}}}


def _acls(needed: list[Right]) -> list[Manifest]:
    return [
        {
            "resource": {"type": kind, "name": name, "patternType": "literal"},
            "operations": [each.operation for each in same],
        }
        for (kind, name), same in groupby(needed, key=lambda right: (right.resource, right.name))
    ]


def _object(kind: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name, "labels": CLUSTER}, "spec": spec}
