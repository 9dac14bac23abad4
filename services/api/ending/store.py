"""Every query of the calls that cancel imports. All of them are scoped to the caller's company."""

from enum import Enum, auto

from sqlalchemy import text

from libs.common.stores.postgres import Postgres
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
    f"""
    SELECT i.cancel_requested_at IS NOT NULL FROM amigocare.lead_imports i WHERE i.id = :import_id AND {IN_SCOPE}
    """
)


class Canceled(Enum):
    """What became of a wish to cancel."""

    YES = auto()
    """Now, or by an earlier wish."""
    ENDED = auto()
    """The import had ended by itself."""
    UNKNOWN = auto()
    """No such import exists for the caller."""


class EndingStore:
    """Writes wishes down; the finalizer fulfils them."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def cancel(self, scope: Scope, import_id: int, *, user_id: int) -> Canceled:
        """Ask for the end of an import in progress."""
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            named = scoped(scope) | {"import_id": import_id}
            await connection.execute(_CANCEL, named | {"user_id": user_id})
            canceled: bool | None = (await connection.execute(_IS_CANCELED, named)).scalar_one_or_none()
        if canceled is None:
            return Canceled.UNKNOWN
        return Canceled.YES if canceled else Canceled.ENDED
