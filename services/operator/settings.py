"""Settings of the command ``leadflow``."""

from libs.common.settings import KafkaSettings, MongoSettings, PostgresSettings


class Settings(KafkaSettings, PostgresSettings, MongoSettings):
    """All servers: the people on call look everywhere."""
