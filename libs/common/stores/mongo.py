"""MongoDB: one client a process."""

from typing import Any

import pymongo
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.write_concern import WriteConcern

from libs.common.settings import MongoSettings

Document = dict[str, Any]


ASK_SECONDS = 5.0
"""How long ``ask`` waits for an answer; its caller asks again."""


class Mongo:
    """A client whose writes are acknowledged by a majority, from the journal."""

    def __init__(self, settings: MongoSettings, *, application_name: str) -> None:
        milliseconds = int(settings.mongo_timeout_seconds * 1000)
        url = settings.mongo_url.get_secret_value()
        self.place = f"MongoDB at {_hosts(url)}"
        """What this is and where, for people: ``MongoDB at host:port``, or several, separated by commas."""
        self.client: AsyncMongoClient[Document] = AsyncMongoClient(
            url,
            appname=f"leadflow-{application_name}",
            tz_aware=True,
            serverSelectionTimeoutMS=milliseconds,
            timeoutMS=milliseconds,
        )

    def collection(self, name: str) -> AsyncCollection[Document]:
        """Return a collection of the database that the URL names."""
        database = self.client.get_default_database("leadflow")
        return database.get_collection(name, write_concern=WriteConcern(w="majority", j=True))

    async def ask(self) -> None:
        """Return when the primary answers who we are. Raises what it, the network or the driver says instead.

        For the start of a process and for readiness: the address and the password are right. A ping is answered
        before anybody has said who he is; this question is not, and yet needs no right of its own.
        """
        with pymongo.timeout(ASK_SECONDS):
            await self.client.get_default_database("leadflow").command(
                "listCollections", nameOnly=True, authorizedCollections=True, filter={"name": ""}
            )

    async def close(self) -> None:
        await self.client.close()


def _hosts(url: str) -> str:
    """Return the hosts of an address without user, password and options."""
    return url.partition("://")[2].rpartition("@")[2].partition("/")[0].partition("?")[0]
