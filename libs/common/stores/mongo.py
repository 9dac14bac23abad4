"""MongoDB: one client a process."""

from typing import Any

from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from libs.common.addresses.mongo_address import database_of
from libs.common.settings import MongoSettings

Document = dict[str, Any]


class Mongo:
    """A client whose reads and writes a failover cannot take back, whatever the address says of them.

    Writes are acknowledged by a majority, from the journal. Reads are of the primary, and of what a majority has: a
    secondary may be behind, and what is looked up there is the answer to whether something exists.
    """

    def __init__(self, settings: MongoSettings, *, application_name: str) -> None:
        milliseconds = int(settings.mongo_timeout_seconds * 1000)
        url = settings.mongo_url.get_secret_value()
        self._database = database_of(url)
        self.client: AsyncMongoClient[Document] = AsyncMongoClient(
            url,
            appname=f"leadflow-{application_name}",
            tz_aware=True,
            serverSelectionTimeoutMS=milliseconds,
            timeoutMS=milliseconds,
        )

    def collection(self, name: str) -> AsyncCollection[Document]:
        """Return a collection of the database that the URL names."""
        return self.client.get_database(self._database).get_collection(
            name,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern(w="majority", j=True),
        )

    async def close(self) -> None:
        await self.client.close()
