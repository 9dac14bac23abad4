"""What the platform already knows of phones: leads, patients (PostgreSQL) and chats (MongoDB)."""

from libs.common.errors import BadMessage
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.imports.chunk_states import NO_SUCH_IMPORT
from libs.imports.known_phones import KnownPhones
from libs.imports.phone_look_up import look_up


class Store:
    """Read-only. Rows of the chunk's own import do not count: a repeat meets the leads of its first run."""

    def __init__(self, postgres: Postgres, mongo: Mongo) -> None:
        self._postgres = postgres
        self._mongo = mongo

    async def known_phones(self, chunk: ChunkAccepted) -> KnownPhones:
        """Return the live phones that a lead or chat of the account, or a patient of the company, has.

        Raises BadMessage when there is no such import, or its id is another's now.
        """
        if not len(chunk.live):
            return {}
        looked = await look_up(self._postgres, self._mongo, chunk)
        if not looked.is_meant:
            raise BadMessage(NO_SUCH_IMPORT)
        return looked.known
