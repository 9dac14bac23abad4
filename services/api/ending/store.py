"""Every query of the calls that cancel and undo imports. All of them are scoped to the caller's company."""

from enum import Enum, auto
from typing import Any

from sqlalchemy import text

from libs.common.clock import Clock
from libs.common.outbox.event_outbox import add_event
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_undo.internal.messages import UndoRequested
from libs.contracts.lead_undo.internal.topics import UNDO_REQUESTED
from services.api.http.store import IN_SCOPE, Scope, scoped

# The row is changed only while the import is in progress, and whoever ends it holds the row: either the end comes
# first, and this changes nothing, or the end sees the wish. A second wish changes nothing of the first.
_CANCEL = text(
    f"""
    UPDATE amigocare.lead_imports i SET cancel_requested_at = now(), canceler_id = :user_id, updated_at = now()
    WHERE i.id = :import_id AND {IN_SCOPE} AND i.status = 'PROCESSING' AND i.cancel_requested_at IS NULL
    """
)
_IS_CANCELED = text(
    f"SELECT i.cancel_requested_at IS NOT NULL FROM amigocare.lead_imports i WHERE i.id = :import_id AND {IN_SCOPE}"
)
# Until the commit nobody opens the import again: a replay would make leads that the undo does not know.
_LOCK = text(
    f"""
    SELECT i.id AS import_id, i.company_id, i.account_id, i.created_at AS accepted_at, i.status
    FROM amigocare.lead_imports i WHERE i.id = :import_id AND {IN_SCOPE}
    FOR NO KEY UPDATE
    """
)
_REQUEST = text(
    """
    INSERT INTO amigocare.lead_import_undos (import_id, requester_id, total)
    SELECT :import_id, :user_id, count(*) FROM amigocare.amigocare_leads WHERE import_id = :import_id
    ON CONFLICT (import_id) DO NOTHING
    """
)
_UNDO = text(
    f"""
    SELECT u.* FROM amigocare.lead_import_undos u JOIN amigocare.lead_imports i ON i.id = u.import_id
    WHERE u.import_id = :import_id AND {IN_SCOPE}
    """
)
_KEPT = text(
    f"""
    SELECT k.row_number, k.lead_id, k.reason
    FROM amigocare.lead_import_kept k JOIN amigocare.lead_imports i ON i.id = k.import_id
    WHERE k.import_id = :import_id AND k.lead_id > :after AND {IN_SCOPE}
    ORDER BY k.lead_id LIMIT :limit
    """
)


class Answer(Enum):
    """What became of a wish."""

    YES = auto()
    """It is written down, now or by an earlier wish."""
    ENDED = auto()
    """Not canceled: the import had ended by itself."""
    IN_PROGRESS = auto()
    """Not undone: the import has not ended."""
    DONE = auto()
    """Not undone: it is already."""
    UNKNOWN = auto()
    """No such import exists for the caller."""


class EndingStore:
    """Writes wishes down; finalizer and undoer fulfil them."""

    def __init__(self, postgres: Postgres, *, clock: Clock) -> None:
        self._postgres = postgres
        self._clock = clock

    async def cancel(self, scope: Scope, import_id: int, *, user_id: int) -> Answer:
        """Ask for the end of an import in progress. A second wish changes nothing."""
        named = scoped(scope) | {"import_id": import_id}
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            await connection.execute(_CANCEL, named | {"user_id": user_id})
            canceled: bool | None = (await connection.execute(_IS_CANCELED, named)).scalar_one_or_none()
        if canceled is None:
            return Answer.UNKNOWN
        return Answer.YES if canceled else Answer.ENDED

    async def undo(self, scope: Scope, import_id: int, *, user_id: int) -> tuple[Answer, dict[str, Any]]:
        """Ask for the leads of an ended import to be taken back; return how far that is, too, where it is done.

        It is told as the wish left it: by the next look the import may be deleted, and the wish is granted all the
        same.
        A second wish asks undoer again, in case that it could not process the first; whatever it did stays done.
        """
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            named = scoped(scope) | {"import_id": import_id}
            found = (await connection.execute(_LOCK, named)).mappings().one_or_none()
            if found is None:
                return Answer.UNKNOWN, {}
            if found["status"] == "PROCESSING":
                return Answer.IN_PROGRESS, {}
            await connection.execute(_REQUEST, {"import_id": import_id, "user_id": user_id})
            undo = dict((await connection.execute(_UNDO, named)).mappings().one())
            if undo["finished_at"] is not None:
                return Answer.DONE, undo
            request = UndoRequested.model_validate(dict(found))
            await add_event(connection, UNDO_REQUESTED, request, source="api", time=self._clock())
        return Answer.YES, undo

    async def get_undo(self, scope: Scope, import_id: int) -> dict[str, Any] | None:
        """Return how far the undo is, or None when nobody has asked for one."""
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            found = await connection.execute(_UNDO, scoped(scope) | {"import_id": import_id})
            row = found.mappings().one_or_none()
            return dict(row) if row else None

    async def kept(self, scope: Scope, import_id: int, *, after: int, limit: int) -> list[dict[str, Any]]:
        """Return up to ``limit`` leads with ids above ``after`` that the undo did not take back."""
        named = scoped(scope) | {"import_id": import_id, "after": after, "limit": limit}
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            return [dict(row) for row in (await connection.execute(_KEPT, named)).mappings()]
