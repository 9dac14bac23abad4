"""MongoDB: the platform's chats."""

from typing import Any

from pymongo import ASCENDING, AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.write_concern import WriteConcern

from libs.common.settings import MongoSettings

Document = dict[str, Any]

CHATS = "chats"

PHONE_INDEX = [
    ("company_id", ASCENDING),
    ("account_id", ASCENDING),
    ("contact_cellphone_country_code", ASCENDING),
    ("contact_cellphone", ASCENDING),
]
"""What the duplicate check looks chats up by. Not unique: the collection is the platform's, not ours."""


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

    @property
    def chats(self) -> AsyncCollection[Document]:
        database = self.client.get_default_database("leadflow")
        return database.get_collection(CHATS, write_concern=WriteConcern(w="majority", j=True))

    async def ensure_indexes(self) -> None:
        """Create the index of the duplicate check."""
        await self.chats.create_index(PHONE_INDEX, name="company_account_phone")

    async def close(self) -> None:
        await self.client.close()
