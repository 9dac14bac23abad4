"""Indexes on tables that may be large, for the migrations of every owner."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op

SCHEMA = "amigocare"


def create_index_concurrently(name: str, on: str, *, unique: bool = False) -> None:
    """Build an index while others read and write: ``on`` is the table and what follows it, ``tags (company_id)``.

    It cannot be part of a transaction, so it is all that its revision does. What a run that was interrupted left is
    built anew: such an index is there, and invalid.
    """
    kind = "UNIQUE INDEX" if unique else "INDEX"
    with _beside_others():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {SCHEMA}.{name}")
        op.execute(f"CREATE {kind} CONCURRENTLY {name} ON {SCHEMA}.{on}")


def drop_index_concurrently(name: str) -> None:
    """Drop an index while others read and write; one that a run before has dropped is no error."""
    with _beside_others():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


@contextmanager
def _beside_others() -> Iterator[None]:
    with op.get_context().autocommit_block():
        # It waits for every transaction that is older, and holds up none: no reason to give up.
        op.execute("SET lock_timeout = 0")
        try:
            yield
        finally:
            op.execute("RESET lock_timeout")
