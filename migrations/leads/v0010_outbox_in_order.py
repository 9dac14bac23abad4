"""Events of one topic and key leave the outbox one after another: which is the oldest is asked of this."""

from alembic import op

from migrations.indexes import create_index_concurrently

revision = "leads_0010"
down_revision = "leads_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently("outbox_in_order", "outbox (topic, key, id)")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY amigocare.outbox_in_order")
