"""Settings of the command ``leadflow``."""

from pydantic import Field, SecretStr, field_validator

from libs.common.addresses.postgres_address import read_postgres_address
from libs.common.settings import KafkaSettings, MongoSettings, PostgresSettings


class MigrationSettings(PostgresSettings):
    """As whom ``leadflow migrate`` changes the schema, and how long it waits for a table that others hold."""

    postgres_owner_url: SecretStr | None = None
    """Who owns the tables, past any pooler; without it ``LEADFLOW_POSTGRES_URL`` does. No service needs it."""
    migrate_lock_timeout_seconds: float = Field(2, ge=0.1)
    """For one lock, behind which everybody waits; then the revision is rolled back, and tried again after a pause as
    long."""
    migrate_lock_tries: int = Field(10, ge=1)
    """After so many it gives up, and says who holds the lock."""

    @field_validator("postgres_owner_url")
    @classmethod
    def _is_the_owners_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            read_postgres_address(url.get_secret_value())
        return url


class Settings(KafkaSettings, MigrationSettings, MongoSettings):
    """All servers: the people on call look everywhere."""
