"""An import that is taken back, by the real handlers on the real stores, without Kafka between them."""

import time
from dataclasses import dataclass
from typing import Any

from libs.common.clock import utc_now
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.contracts.lead_undo.events import ImportUndone
from libs.contracts.lead_undo.internal.messages import UndoRequested
from libs.contracts.lead_undo.topics import IMPORT_UNDONE
from services.api.ending.store import Answer, EndingStore
from services.api.http.store import Scope
from services.undoer import handlers
from services.undoer.store import Store
from tests.support.chunks import new_phones
from tests.support.imports import ACCEPTED_AT, accepted_chunk, insert_import, live_rows
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored


@dataclass(frozen=True, slots=True)
class Imported:
    """An ended import of one chunk, whose rows became leads, each with a tag of its own and one of the request."""

    chunk: ChunkAccepted
    tenant: Tenant
    postgres: Postgres
    mongo: Mongo
    db: Stored

    @property
    def import_id(self) -> int:
        return self.chunk.import_id

    @property
    def scope(self) -> Scope:
        return Scope(self.tenant.company_id, None)

    @property
    def request(self) -> UndoRequested:
        return UndoRequested(
            import_id=self.import_id,
            company_id=self.tenant.company_id,
            account_id=self.tenant.account_id,
            accepted_at=ACCEPTED_AT,
        )

    @property
    def ending(self) -> EndingStore:
        return EndingStore(self.postgres, clock=utc_now)

    async def ask(self) -> Answer:
        """Ask for the undo, as the second user of the company."""
        answer, _ = await self.ending.undo(self.scope, self.import_id, user_id=self.tenant.other_user_id)
        return answer

    def store(self, portion: int = 1_000) -> Store:
        return Store(self.postgres, self.mongo, clock=utc_now, portion=portion)

    async def run(self, store: Store | None = None, *, stopping: bool = False) -> None:
        """Handle the message once. Raises NotFinished where it would come again."""
        await handlers.undo_import(
            self.request, store=store or self.store(), stopping=lambda: stopping, monotonic=time.monotonic
        )

    async def undo(self) -> dict[str, Any]:
        """Ask, and let undoer do it; return how it ended."""
        assert await self.ask() is Answer.YES
        await self.run()
        return await self.state()

    async def state(self) -> dict[str, Any]:
        found = await self.ending.get_undo(self.scope, self.import_id)
        assert found is not None
        return found

    async def counts(self) -> tuple[int, int, int, int]:
        """Return total, reversed, kept, failed."""
        state = await self.state()
        return state["total"], state["reversed"], state["kept"], state["failed"]

    async def kept(self) -> list[tuple[int, str]]:
        """Return (row, reason) of what was listed."""
        found = await self.ending.kept(self.scope, self.import_id, after=0, limit=1_000)
        return sorted((row["row_number"], row["reason"]) for row in found)

    async def leads(self) -> list[dict[str, Any]]:
        """Return the import's leads by their rows, deleted ones too."""
        return await self.db.rows(
            "SELECT * FROM amigocare.amigocare_leads WHERE import_id = :i ORDER BY chat_id", i=self.import_id
        )

    async def events(self) -> list[ImportUndone]:
        rows = await self.db.rows(
            "SELECT payload FROM amigocare.outbox WHERE key = :k AND topic = :t",
            k=str(self.import_id),
            t=IMPORT_UNDONE.name,
        )
        return [ImportUndone.model_validate_json(bytes(row["payload"])) for row in rows]


async def imported(
    pipeline: Pipeline, postgres: Postgres, mongo: Mongo, db: Stored, tenant: Tenant, *, phones: list[str] | None = None
) -> Imported:
    """Import three rows, or one for each of the phones, to the end."""
    phones = phones or new_phones(3)
    import_id = await insert_import(postgres, tenant, row_counts=[len(phones)], name=unique("n"))
    tags = [[unique("tag")] for _ in phones]
    chunk = accepted_chunk(tenant, import_id, live_rows(phones, tags=tags), tag_ids=tenant.tag_ids[:1])
    await pipeline.whole(chunk)
    return Imported(chunk, tenant, postgres, mongo, db)
