"""Whether api can do its work. An upload needs PostgreSQL alone: what was accepted waits there until Kafka answers."""

from libs.common.errors import describe
from services.api.http.store import Store


class ApiHealth:
    """Ready means that an upload would be accepted."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def stuck(self) -> str | None:
        """Return why api is not ready, or None."""
        try:
            await self._store.ping()
        except Exception as error:  # noqa: BLE001 - whatever it is, that is the reason
            return f"PostgreSQL: {describe(error)}"
        return None
