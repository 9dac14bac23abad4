"""Who watches the import counts the chunks that ended in the dead letter; nearly always there are none."""

from alembic import op

from migrations.indexes import create_index_concurrently

revision = "imports_0014"
down_revision = "imports_0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently(
        "lead_import_chunks_dead", "lead_import_chunks (import_id, chunk_index) WHERE dead_lettered"
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY amigocare.lead_import_chunks_dead")
