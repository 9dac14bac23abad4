"""Keys of ``POST /import`` that were answered 202, kept for 24 hours."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE amigocare.idempotency_keys (
            company_id int NOT NULL REFERENCES amigocare.companies,
            key varchar(255) NOT NULL,
            fingerprint char(64) NOT NULL,
            import_id int NOT NULL,
            response jsonb NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (company_id, key)
        )
        """
    )
    op.execute("CREATE INDEX idempotency_keys_age ON amigocare.idempotency_keys (created_at)")


def downgrade() -> None:
    op.execute("DROP TABLE amigocare.idempotency_keys")
