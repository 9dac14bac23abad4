"""Settings that every service has. Each is an environment variable with the prefix ``LEADFLOW_``, or a file."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from libs.common.addresses.mongo_address import database_of
from libs.common.addresses.postgres_address import read_postgres_address

SECRETS_DIR = "LEADFLOW_SECRETS_DIR"


class EnvironmentSettings(BaseSettings):
    """Read from ``LEADFLOW_…`` variables, and from files of these names in the folder ``LEADFLOW_SECRETS_DIR``.

    Variables win. What is wrong with a setting is said without its value: it may be a secret.
    """

    model_config = SettingsConfigDict(env_prefix="LEADFLOW_", extra="ignore", frozen=True, hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the folder's name when settings are read, not when this module is."""
        files = SecretsSettingsSource(settings_cls, secrets_dir=os.environ.get(SECRETS_DIR) or None)
        return init_settings, env_settings, files


class WrongKafkaSettings(RuntimeError):
    """Kafka cannot be spoken to with these settings: mend them. The text names them, and never says a value."""


class KafkaSettings(EnvironmentSettings):
    """How to reach Kafka, how to prove who asks, and how long to wait for it."""

    kafka_bootstrap: str = "127.0.0.1:9092"
    """Comma-separated ``host:port`` list."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """``SSL`` encrypts, and checks the brokers' certificates and names; ``SASL`` says who we are."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"] | None = None
    """How we say who we are.

    ``OAUTHBEARER`` gets tokens by client credentials. ``AWS_MSK_IAM`` signs them with the credentials of AWS that the
    process has; it needs the extra ``msk``.
    """
    kafka_user: str | None = None
    """For ``PLAIN`` and ``SCRAM``. Providers may call it API key."""
    kafka_password: SecretStr | None = None
    """The user's. Providers may call it API secret."""
    kafka_oauth_token_url: str | None = None
    """For ``OAUTHBEARER``: where the identity provider gives tokens for client credentials."""
    kafka_oauth_client_id: str | None = None
    """Who asks for the tokens."""
    kafka_oauth_client_secret: SecretStr | None = None
    """The client's secret."""
    kafka_oauth_scope: str | None = None
    """Asked for with the tokens, when set."""
    kafka_aws_region: str | None = None
    """For ``AWS_MSK_IAM``: the region of the cluster."""
    kafka_ca_file: Path | None = None
    """PEM file of the authorities whose certificates brokers may have; without it, those that the system trusts."""
    kafka_client_certificate_file: Path | None = None
    """PEM file of our own certificate, where brokers ask for one."""
    kafka_client_key_file: Path | None = None
    """PEM file of its key, when that is in another file."""
    kafka_client_key_password: SecretStr | None = None
    """The key's, when it is encrypted."""
    kafka_compression: Literal["zstd", "gzip", "lz4", "snappy", "none"] = "zstd"
    """Of what we send. What other teams may read is kept so that every client can read it, whatever stands here."""
    kafka_topic_prefix: str = Field("", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    """Before the name of every topic and every consumer group: for a cluster that is shared."""
    kafka_idle_seconds: float = Field(540, gt=0)
    """Connections that were silent for so long are closed. Must be less than what a broker, or a balancer before it,
    waits for: Azure Event Hubs wants less than 240."""
    kafka_rack: str | None = None
    """The rack or availability zone that we run in: consumers then read from a replica there, where brokers allow it
    (``replica.selector.class``)."""
    topic_partitions: int = Field(12, ge=1)
    """Of each topic that ``leadflow migrate`` creates; topics that exist stay as they are."""
    topic_replication: int = Field(1, ge=1)
    """Replicas of each topic that ``leadflow migrate`` creates."""
    kafka_session_timeout_seconds: float = Field(10, gt=0)
    """A consumer that is silent for so long loses its partitions to the others."""
    backoff_max_seconds: float = Field(30, gt=0, le=120)
    """Longest wait between two attempts while a server is away; below ``max_poll_interval_ms`` (5 minutes)."""
    unforeseen_seconds: float = Field(30, ge=0, le=120)
    """So long at least an error of our own code is tried again before its message goes to the dead letter."""
    bad_messages_in_a_row: int = Field(25, ge=1)
    """So many dead letters in a row stop the service (exit code 78)."""
    bad_deploy_told_seconds: float = Field(45, ge=0, le=120)
    """For so long it says so at ``/metrics`` before it ends: at least twice as long as from one look of Prometheus to
    the next."""
    stuck_after_seconds: float = Field(60, gt=0)
    """For so long messages may wait while none is settled, Kafka may give no answer, or a server keep a message or work
    in the background waiting. Then a consumer is not ready, and api says so in the answer of its readiness."""

    @model_validator(mode="after")
    def _kafka_fits_together(self) -> Self:
        """Raise ValueError that names the settings, never their values, of a combination that cannot work."""
        wrong = kafka_refusal(self)
        if wrong:
            raise ValueError(wrong)
        return self


_KAFKA_NEEDS = {
    "PLAIN": ("kafka_user", "kafka_password"),
    "SCRAM-SHA-256": ("kafka_user", "kafka_password"),
    "SCRAM-SHA-512": ("kafka_user", "kafka_password"),
    "OAUTHBEARER": ("kafka_oauth_token_url", "kafka_oauth_client_id", "kafka_oauth_client_secret"),
    "AWS_MSK_IAM": ("kafka_aws_region",),
}
"""What each mechanism cannot do without."""

_KAFKA_MAY_HAVE = {"OAUTHBEARER": ("kafka_oauth_scope",)}

_KAFKA_TLS = (
    "kafka_ca_file",
    "kafka_client_certificate_file",
    "kafka_client_key_file",
    "kafka_client_key_password",
)


def kafka_refusal(settings: KafkaSettings) -> str | None:
    """Return why these settings of Kafka cannot work together, by the variables' names, or None.

    What would be ignored is refused as well: whoever sets a password believes that somebody asks for it.
    """
    given = {name for name in KafkaSettings.model_fields if getattr(settings, name) not in (None, "")}
    refusals = (
        *_wrong_encryption(settings, given),
        *_wrong_mechanism(settings),
        *_wrong_for_mechanism(settings, given),
    )
    return next(iter(refusals), None)


def _wrong_encryption(settings: KafkaSettings, given: set[str]) -> Iterator[str]:
    protocol = settings.kafka_security_protocol
    if not protocol.endswith("SSL"):
        for name in (each for each in _KAFKA_TLS if each in given):
            yield f"{_variable(name)} is for SSL and SASL_SSL, and {_variable('kafka_security_protocol')}={protocol}"
    if "kafka_client_certificate_file" not in given:
        for name in (each for each in ("kafka_client_key_file", "kafka_client_key_password") if each in given):
            yield f"{_variable(name)} needs {_variable('kafka_client_certificate_file')}"
    for name in ("kafka_ca_file", "kafka_client_certificate_file", "kafka_client_key_file"):
        if name in given and not os.access(getattr(settings, name), os.R_OK):
            yield f"{_variable(name)} names a file that is not there or must not be read"


def _wrong_mechanism(settings: KafkaSettings) -> Iterator[str]:
    protocol, mechanism = settings.kafka_security_protocol, settings.kafka_sasl_mechanism
    spoken = f"{_variable('kafka_security_protocol')}={protocol}"
    if protocol.startswith("SASL") and mechanism is None:
        yield f"{spoken} needs {_variable('kafka_sasl_mechanism')}"
    if not protocol.startswith("SASL") and mechanism is not None:
        yield f"{_variable('kafka_sasl_mechanism')} is for SASL_SSL and SASL_PLAINTEXT, and {spoken}"
    if mechanism == "AWS_MSK_IAM" and protocol != "SASL_SSL":
        yield f"{_variable('kafka_sasl_mechanism')}={mechanism} needs SASL_SSL, and {spoken}"


def _wrong_for_mechanism(settings: KafkaSettings, given: set[str]) -> Iterator[str]:
    mechanism = settings.kafka_sasl_mechanism
    asked = f"{_variable('kafka_sasl_mechanism')}={mechanism or '(not set)'}"
    needed = _KAFKA_NEEDS.get(mechanism or "", ())
    for name in (each for each in needed if each not in given):
        yield f"{asked} needs {_variable(name)}"
    of_any = [each for names in (*_KAFKA_NEEDS.values(), *_KAFKA_MAY_HAVE.values()) for each in names]
    for name in dict.fromkeys(of_any):
        if name in given and name not in (*needed, *_KAFKA_MAY_HAVE.get(mechanism or "", ())):
            yield f"{_variable(name)} is not for {asked}"


def _variable(field: str) -> str:
    return f"LEADFLOW_{field.upper()}"


class ServiceSettings(KafkaSettings):
    """Where this process answers health checks and metrics, and how it logs."""

    http_host: str = "127.0.0.1"
    """The address on which the process answers HTTP: health checks, metrics, and the calls of an API."""
    http_port: int = Field(8080, ge=1, le=65535)
    """The port of that address."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """What is less than this is not logged."""
    log_format: Literal["json", "console"] = "json"
    """A line of JSON for programs, or words for people."""
    otlp_endpoint: str | None = None
    """OpenTelemetry collector (``http://host:4318``); traces are not exported without it."""


_ORIGIN = r"(\*|null|[A-Za-z][A-Za-z0-9.+-]*://[A-Za-z0-9.:\[\]-]+/?)?"
"""As browsers write one, or may be told. With a path, or without a scheme, it would be the origin of no page."""


class HttpSettings(ServiceSettings):
    """How a service answers calls."""

    http_root_path: str = Field("", pattern=r"^(/[\w.~-]+)*$")
    """Where a gateway shows the service, such as ``/leadflow``; it may take that off before it passes a call."""
    http_keep_alive_seconds: int = Field(75, ge=1)
    """How long an idle connection stays open. The balancer must close first: 620 behind Google's, which keeps 600."""
    http_grace_seconds: int = Field(20, ge=1)
    """How long a stop waits for the answers that are being given. What follows it may take another 25 seconds."""
    http_private_port: int | None = Field(None, ge=1, le=65535)
    """A port of its own for metrics and for why the service is not ready; the public one then tells neither."""
    http_cors_origins: str = Field("", pattern=rf"^\s*{_ORIGIN}\s*(,\s*{_ORIGIN}\s*)*$")
    """Web pages that may call from a browser: origins between commas, such as ``https://crm.example.com``."""


class PostgresSettings(EnvironmentSettings):
    """How to reach PostgreSQL."""

    postgres_url: SecretStr = SecretStr("postgresql://leadflow:leadflow@127.0.0.1:5432/leadflow")
    """``postgresql://user:password@host:port/database``, with libpq's parameters as providers print them."""
    postgres_pooler: Literal["none", "transaction"] = "none"
    """``transaction``: between us and PostgreSQL stands a pooler that gives each transaction a session of its own."""
    postgres_pool_size: int = Field(5, ge=1)
    """Connections of one process."""
    postgres_timeout_seconds: float = Field(30, gt=0)
    """For one statement, and for a connection."""

    @field_validator("postgres_url")
    @classmethod
    def _is_an_address(cls, url: SecretStr) -> SecretStr:
        read_postgres_address(url.get_secret_value())
        return url


class MongoSettings(EnvironmentSettings):
    """How to reach MongoDB."""

    mongo_url: SecretStr = SecretStr("mongodb://127.0.0.1:27017/leadflow")
    """``mongodb://host:port/database``; a database must be named."""
    mongo_timeout_seconds: float = Field(30, gt=0)
    """For one operation."""

    @field_validator("mongo_url")
    @classmethod
    def _names_a_database(cls, url: SecretStr) -> SecretStr:
        database_of(url.get_secret_value())
        return url


class RelaySettings(EnvironmentSettings):
    """How what waits to be published is relayed."""

    relay_poll_seconds: float = Field(0.5, gt=0)
    """How often to look for what another process left behind."""
