"""Settings of tagger."""

from libs.common.settings import PostgresSettings, ServiceSettings


class Settings(ServiceSettings, PostgresSettings):
    """Tags are in PostgreSQL."""
