"""KEDA's schema: https://keda.sh/docs/2.18/reference/scaledobject-spec/, the documented fields that we use."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel


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


class AuthenticationRef(Strict):
    name: str
    kind: Literal["TriggerAuthentication", "ClusterTriggerAuthentication"] = "TriggerAuthentication"


class Trigger(Strict):
    type: Literal["kafka"]
    name: str | None = None
    metadata: KafkaTrigger
    authentication_ref: AuthenticationRef | None = None


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


KafkaParameter = Literal["sasl", "username", "password", "tls", "ca", "cert", "key", "keyPassword"]
"""What the Kafka scaler takes from a TriggerAuthentication, without what is for OAuth."""


class SecretTarget(Strict):
    parameter: KafkaParameter
    name: str
    key: str


class TriggerAuthenticationSpec(Strict):
    secret_target_ref: list[SecretTarget] = Field(min_length=1)


class TriggerAuthentication(Strict):
    """https://keda.sh/docs/2.18/concepts/authentication/."""

    api_version: Literal["keda.sh/v1alpha1"]
    kind: Literal["TriggerAuthentication"]
    metadata: Metadata
    spec: TriggerAuthenticationSpec


KINDS: dict[str, type[ScaledObject] | type[TriggerAuthentication]] = {
    "ScaledObject": ScaledObject,
    "TriggerAuthentication": TriggerAuthentication,
}
