"""MongoDB: one client a process."""

from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.write_concern import WriteConcern

from libs.common.settings import MongoSettings

Document = dict[str, Any]


class Mongo:
    """A client whose writes are acknowledged by a majority, from the journal."""

    def __init__(self, settings: MongoSettings, *, application_name: str) -> None:
        milliseconds = int(settings.mongo_timeout_seconds * 1000)
        self.client: AsyncMongoClient[Document] = AsyncMongoClient(
            settings.mongo_url.get_secret_value(),
            appname=f"leadflow-{application_name}",
            tz_aware=True,
            serverSelectionTimeoutMS=milliseconds,
            timeoutMS=milliseconds,
        )

    def collection(self, name: str) -> AsyncCollection[Document]:
        """Return a collection of the database that the URL names."""
        database = self.client.get_default_database("leadflow")
        return database.get_collection(name, write_concern=WriteConcern(w="majority", j=True))

    async def close(self) -> None:
        await self.client.close()
