"""Settings of enroller."""

from libs.common.settings import PostgresSettings, ServiceSettings


class Settings(ServiceSettings, PostgresSettings):
    """Leads are in PostgreSQL."""
