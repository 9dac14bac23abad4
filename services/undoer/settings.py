"""Settings of undoer."""

from libs.common.settings import MongoSettings, PostgresSettings, ServiceSettings


class Settings(ServiceSettings, PostgresSettings, MongoSettings):
    """Leads are in PostgreSQL, chats in MongoDB."""
