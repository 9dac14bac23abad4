"""The platform's chats: an import opens one for each lead, and looks first whose the platform already holds."""

from pymongo import ASCENDING
from pymongo.asynchronous.collection import AsyncCollection

from libs.common.stores.mongo import Document, Mongo
from libs.imports.chat_ids import chat_prefix
from libs.imports.live_phones import PhonesOfImport, RowsByForm, rows_by_form

CHATS = "chats"

PHONE_INDEX = [
    ("company_id", ASCENDING),
    ("account_id", ASCENDING),
    ("contact_cellphone_country_code", ASCENDING),
    ("contact_cellphone", ASCENDING),
]
"""What the duplicate check looks chats up by. Not unique: the collection is the platform's, not ours."""

CHAT_FIELDS = (
    "_id",
    "company_id",
    "account_id",
    "lead_id",
    "import_id",
    "name",
    "contact_cellphone",
    "contact_cellphone_dial_code",
    "contact_cellphone_country_code",
    "created_at",
    "updated_at",
)
"""What an import writes of a chat; the platform adds more as soon as somebody uses it."""

UNTOUCHED = {
    "$expr": {
        "$and": [
            {"$eq": ["$created_at", "$updated_at"]},
            {"$eq": [{"$size": {"$objectToArray": "$$ROOT"}}, len(CHAT_FIELDS)]},
        ]
    }
}
"""Finds the chats that are as an import made them: nobody has changed one, and it has no field more."""


def chats_of(mongo: Mongo) -> AsyncCollection[Document]:
    """Return the collection of chats."""
    return mongo.collection(CHATS)


async def ensure_chat_indexes(mongo: Mongo) -> None:
    """Create the index of the duplicate check; a second run changes nothing."""
    await chats_of(mongo).create_index(PHONE_INDEX, name="company_account_phone")


async def rows_with_others_chats(mongo: Mongo, chunk: PhonesOfImport, rows: RowsByForm | None = None) -> set[int]:
    """Return the indexes of live rows with whose phone, in either form, somebody else opened a chat in the account.

    The import's own chats do not count: a repeat meets those of its first run. They are known by their ids, which
    follow from the time of acceptance, too: where PostgreSQL was restored, an earlier import may have had this id.

    ``rows`` are ``rows_by_form`` of the chunk, where the caller has them already.
    """
    own = chat_prefix(chunk.import_id, chunk.accepted_at)
    found: set[int] = set()
    for country, forms in (rows or rows_by_form(chunk.live)).items():
        cursor = chats_of(mongo).find(
            {
                "company_id": chunk.company_id,
                "account_id": chunk.account_id,
                "contact_cellphone_country_code": country,
                # Sorted, because MongoDB sorts the values of `$in` before it walks the index, and sorting what is in
                # order already takes it half the time.
                "contact_cellphone": {"$in": sorted(forms)},
            },
            {"contact_cellphone": 1},
        )
        async for chat in cursor:
            if not str(chat["_id"]).startswith(own):
                found.add(forms[chat["contact_cellphone"]])
    return found
