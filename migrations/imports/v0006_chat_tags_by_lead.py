"""Taking leads back looks their chat_tags up, for itself and once more for the foreign key of each lead."""

from alembic import op

from migrations.indexes import create_index_concurrently

revision = "imports_0006"
down_revision = "imports_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently("chat_tags_lead", "chat_tags (lead_id)")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY amigocare.chat_tags_lead")
