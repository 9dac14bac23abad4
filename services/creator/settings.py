"""Settings of creator."""

from pydantic import Field, SecretStr

from libs.common.settings import MongoSettings, PostgresSettings, ServiceSettings


class Settings(ServiceSettings, PostgresSettings, MongoSettings):
    """The stores, and the WhatsApp provider, which is off unless ``whatsapp_enabled`` is set."""

    creator_consumers: int = Field(3, ge=1)
    """Chunks in work at the same time: while one waits for MongoDB the others can use PostgreSQL."""
    whatsapp_enabled: bool = False
    """Ask the provider for each phone whether it has WhatsApp."""
    whatsapp_url: str = "http://127.0.0.1:8099"
    """``POST {url}/v1/contacts/check`` with ``{"phone": "+55…"}`` answers ``{"on_whatsapp": true|false}``."""
    whatsapp_token: SecretStr | None = None
    """Sent as a bearer token when set."""
    whatsapp_concurrency: int = Field(10, ge=1)
    """Calls in flight at most, a process."""
    whatsapp_timeout_seconds: float = Field(5, gt=0, le=10)
    """For one call; a stop waits for the calls in flight."""
    whatsapp_attempts: int = Field(4, ge=1)
    """Calls for one phone at most, when the provider fails at it while it answers others; then its row ends as
    ``whatsapp_unknown``. Calls that are answered 429, and calls while nobody is answered, do not count."""
    whatsapp_breaker_failures: int = Field(10, ge=1)
    """So many failed calls in a row open the circuit."""
    whatsapp_breaker_seconds: float = Field(10, gt=0)
    """While the circuit is open no call is made."""
