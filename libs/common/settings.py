"""Settings that every service has. Each is an environment variable with the prefix ``LEADFLOW_``, or a file."""

import os
from typing import Literal

from pydantic import Field, SecretStr, field_validator
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


class KafkaSettings(EnvironmentSettings):
    """How to reach Kafka, and how long to wait for it."""

    kafka_bootstrap: str = "127.0.0.1:9092"
    """Comma-separated ``host:port`` list."""
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
    stuck_after_seconds: float = Field(60, gt=0)
    """A consumer with lag and no progress for so long is not ready."""


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
