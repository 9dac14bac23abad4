"""``finalizer`` may read which imports were taken back: their chunks in the dead letter are nobody's to repair."""

from alembic import op

from migrations.service_roles import grant_to_service, open_by_import, role_of

revision = "imports_0019"
down_revision = "imports_0018"
branch_labels = None
depends_on = None

TABLE = "lead_import_undos"


def upgrade() -> None:
    grant_to_service("finalizer", {TABLE: ("SELECT",)})
    open_by_import("finalizer", TABLE, everybodys=True)


def downgrade() -> None:
    op.execute(f"DROP POLICY of_finalizer ON amigocare.{TABLE}")
    op.execute(f"REVOKE SELECT ON amigocare.{TABLE} FROM {role_of('finalizer')}")
