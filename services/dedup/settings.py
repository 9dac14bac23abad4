"""Settings of dedup."""

from libs.common.settings import MongoSettings, PostgresSettings, ServiceSettings


class Settings(ServiceSettings, PostgresSettings, MongoSettings):
    """Leads and patients are in PostgreSQL, chats in MongoDB."""
