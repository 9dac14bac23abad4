"""Strimzi's schema of topics and users, the fields that we use: https://strimzi.io/docs/operators/latest/configuring."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from tests.support.keda import Strict

KubernetesName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]


class Metadata(Strict):
    name: KubernetesName
    labels: dict[str, str]


class TopicSpec(Strict):
    topic_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    partitions: int = Field(ge=1)
    replicas: int = Field(ge=1, le=32_767)
    config: dict[str, str]


class KafkaTopic(Strict):
    api_version: Literal["kafka.strimzi.io/v1"]
    kind: Literal["KafkaTopic"]
    metadata: Metadata
    spec: TopicSpec


class SecretKey(Strict):
    name: KubernetesName
    key: str


class FromSecret(Strict):
    secret_key_ref: SecretKey


class Password(Strict):
    value_from: FromSecret


class Scram(Strict):
    type: Literal["scram-sha-512"]
    password: Password | None = None


class Resource(Strict):
    type: Literal["topic", "group"]
    name: str
    pattern_type: Literal["literal", "prefix"]


Operation = Literal["Read", "Write", "Delete", "Alter", "Describe", "All", "Create", "AlterConfigs", "DescribeConfigs"]


class Rule(Strict):
    resource: Resource
    operations: list[Operation] = Field(min_length=1)


class Simple(Strict):
    type: Literal["simple"]
    acls: list[Rule] = Field(min_length=1)


class UserSpec(Strict):
    authentication: Scram
    authorization: Simple


class KafkaUser(Strict):
    api_version: Literal["kafka.strimzi.io/v1"]
    kind: Literal["KafkaUser"]
    metadata: Metadata
    spec: UserSpec


KINDS: dict[str, type[BaseModel]] = {"KafkaTopic": KafkaTopic, "KafkaUser": KafkaUser}
