"""Settings of the command ``leadflow``."""

from pydantic import Field

from libs.common.settings import KafkaSettings, MongoSettings, PostgresSettings


class MigrationSettings(PostgresSettings):
    """How long ``leadflow migrate`` waits for a table that others hold. Whoever comes after it waits behind it."""

    migrate_lock_timeout_seconds: float = Field(3, ge=0.1)
    """For one lock; then the revision is rolled back, and tried again after a pause as long."""
    migrate_lock_tries: int = Field(5, ge=1)
    """After so many it gives up, and says who holds the lock."""


class Settings(KafkaSettings, MigrationSettings, MongoSettings):
    """All servers: the people on call look everywhere."""
