"""Settings of the command ``leadflow``."""

from pydantic import Field

from libs.common.settings import KafkaSettings, MongoSettings, PostgresSettings


class MigrationSettings(PostgresSettings):
    """How ``leadflow migrate`` waits for the tables that it changes: what waits for it meanwhile waits as long."""

    migrate_lock_timeout_seconds: float = Field(3, ge=0.1)
    """For one lock; then the revision is rolled back, and tried again after a pause as long."""
    migrate_lock_tries: int = Field(5, ge=1)
    """After so many it gives up, and says who holds the lock."""


class Settings(KafkaSettings, MigrationSettings, MongoSettings):
    """All servers: the people on call look everywhere."""
