"""What the WhatsApp provider said of an import's rows, kept for a day: a second try goes on where the first one was."""

from alembic import op

from migrations.tenancy import take_wall_down, wall_by_import

revision = "imports_0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE amigocare.whatsapp_answers (
            import_id int NOT NULL REFERENCES amigocare.lead_imports,
            row_number int NOT NULL,
            answer varchar(16),
            tries int NOT NULL,
            asked_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (import_id, row_number)
        )
        """
    )
    op.execute("CREATE INDEX whatsapp_answers_age ON amigocare.whatsapp_answers (asked_at)")
    wall_by_import("whatsapp_answers")


def downgrade() -> None:
    take_wall_down("whatsapp_answers")
    op.execute("DROP TABLE amigocare.whatsapp_answers")
