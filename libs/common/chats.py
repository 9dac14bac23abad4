"""Whose chats the platform already holds."""

from libs.common.events.chunk import AnyLiveT, Chunk
from libs.common.mongo import Mongo
from libs.fields.phone_forms import both_forms


async def rows_with_others_chats(mongo: Mongo, chunk: Chunk[AnyLiveT]) -> set[int]:
    """Return the indexes of live rows with whose phone, in either form, somebody else opened a chat in the account.

    The import's own chats do not count: a repeat meets those of its first run.
    """
    live = chunk.live
    places: dict[str, dict[str, int]] = {}
    for index, (country, phone) in enumerate(zip(live.country_code, live.phone, strict=True)):
        forms = places.setdefault(country, {})
        for form in both_forms(country, phone):
            forms[form] = index
    found: set[int] = set()
    for country, forms in places.items():
        cursor = mongo.chats.find(
            {
                "company_id": chunk.company_id,
                "account_id": chunk.account_id,
                "contact_cellphone_country_code": country,
                # In order: MongoDB sorts what it looks up by an index, and sorted numbers take it half the time.
                "contact_cellphone": {"$in": sorted(forms)},
            },
            {"_id": 0, "contact_cellphone": 1, "import_id": 1},
        )
        async for chat in cursor:
            if chat.get("import_id") != chunk.import_id:
                found.add(forms[chat["contact_cellphone"]])
    return found
