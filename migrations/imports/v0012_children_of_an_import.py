"""Every look at an import asks which others correct it."""

from alembic import op

from migrations.indexes import create_index_concurrently

revision = "imports_0012"
down_revision = "imports_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently("lead_imports_parent", "lead_imports (parent_id) WHERE parent_id IS NOT NULL")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY amigocare.lead_imports_parent")
