"""Look-ups of names by their index from behind the wall: of tags, and of an import's own.

A policy hides rows, and PostgreSQL asks no condition before it that could tell of a hidden row, by an error for one.
``=`` cannot, and may go by an index; of ``lower`` nobody has promised it. So a company's look-up by ``lower(name)``
read every tag, or import, of the company: 150 ms among 100,000 tags. These functions work as the owner of the tables,
to whom no policy applies, and hold to the company of the transaction themselves. The decision: docs/decisions/0024.
"""

from alembic import op

from migrations.service_roles import make_function_past_the_wall
from migrations.tenancy import COMPANY, SCHEMA

revision = "imports_0010"
down_revision = "imports_0009"
branch_labels = None
depends_on = None

TAGS_NAMED = f"{SCHEMA}.tags_named(names text[])"
IMPORT_NAME_TAKEN = f"{SCHEMA}.import_name_taken(account int, wanted text)"
_TAGS = f"""
            SELECT given.name, found.id
            FROM unnest(names) AS given (name)
            CROSS JOIN LATERAL (
                SELECT t.id FROM {SCHEMA}.tags t
                WHERE t.company_id = {COMPANY} AND lower(t.name) = lower(given.name) AND NOT t.is_deleted
                LIMIT 1
            ) AS found
"""
_IMPORTS = f"""
            SELECT EXISTS (
                SELECT FROM {SCHEMA}.lead_imports i
                WHERE i.company_id = {COMPANY} AND i.account_id = account AND lower(i.name) = lower(wanted)
                  AND NOT i.is_deleted
            )
"""


def upgrade() -> None:
    make_function_past_the_wall(TAGS_NAMED, "TABLE (name text, id int) ROWS 10", _TAGS, service="tagger")
    make_function_past_the_wall(IMPORT_NAME_TAKEN, "bool", _IMPORTS, service="api")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {TAGS_NAMED}")
    op.execute(f"DROP FUNCTION {IMPORT_NAME_TAKEN}")
