"""MongoDB: one client a process."""

from contextlib import AbstractContextManager
from typing import Any

import pymongo
from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from libs.common.addresses.mongo_address import database_of
from libs.common.settings import MongoSettings

Document = dict[str, Any]


ASK_SECONDS = 5.0
"""How long ``ask`` waits for an answer; its caller asks again."""


def answers_within(seconds: float) -> AbstractContextManager[None]:
    """Bound what the block asks of MongoDB by so many seconds, whatever the settings say.

    The driver itself gives up then. Whoever cancels a question while no server is there is not heard by it at times: in
    Python 3.11 ``asyncio.wait_for`` forgets a cancellation that comes together with what it waits for.
    """
    return pymongo.timeout(seconds)


class Mongo:
    """A client whose reads and writes a failover cannot take back, whatever the address says of them.

    Writes are acknowledged by a majority, from the journal. Reads are of the primary, and of what a majority has: a
    secondary may be behind, and what is looked up there is the answer to whether something exists.
    """

    def __init__(self, settings: MongoSettings, *, application_name: str) -> None:
        milliseconds = int(settings.mongo_timeout_seconds * 1000)
        url = settings.mongo_url.get_secret_value()
        self._database = database_of(url)
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
        return self.client.get_database(self._database).get_collection(
            name,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern(w="majority", j=True),
        )

    async def ask(self, *, seconds: float = ASK_SECONDS) -> None:
        """Return when the primary answers who we are. Raises what it, the network or the driver says instead.

        For the start of a process and for readiness: the address and the password are right. A ping is answered
        before anybody has said who he is; this question is not, and yet needs no right of its own.
        """
        with answers_within(seconds):
            await self.client.get_database(self._database).command(
                "listCollections", nameOnly=True, authorizedCollections=True, filter={"name": ""}
            )

    async def close(self) -> None:
        await self.client.close()


def _hosts(url: str) -> str:
    """Return the hosts of an address without user, password and options."""
    return url.partition("://")[2].rpartition("@")[2].partition("/")[0].partition("?")[0]
