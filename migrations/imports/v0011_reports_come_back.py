"""An import knows what it corrects, a chunk its reasons, and previews may look phones up."""

from alembic import op

from migrations.service_roles import grant_to_service, role_of
from migrations.tenancy import COMPANY, SCHEMA

revision = "imports_0011"
down_revision = "imports_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE amigocare.lead_imports
            ADD COLUMN parent_id int REFERENCES amigocare.lead_imports,
            -- Apart from options, which the relay reads of every import in progress: these may be large.
            ADD COLUMN corrections jsonb
        """
    )
    # Null: of a chunk that was settled before it was counted; its rows are counted instead.
    op.execute("ALTER TABLE amigocare.lead_import_chunks ADD COLUMN reasons jsonb")
    grant_to_service("api", {"amigocare_leads": ("SELECT",), "patients": ("SELECT",)})
    # A preview says which tags would be new.
    op.execute(f"GRANT EXECUTE ON FUNCTION {SCHEMA}.tags_named(text[]) TO {role_of('api')}")
    # A policy of its own name: what else api may do with leads is for others to say.
    op.execute(
        f"CREATE POLICY looked_up_by_api ON {SCHEMA}.amigocare_leads FOR SELECT TO {role_of('api')}"
        f" USING (company_id = {COMPANY})"
    )


def downgrade() -> None:
    op.execute(f"REVOKE EXECUTE ON FUNCTION {SCHEMA}.tags_named(text[]) FROM {role_of('api')}")
    op.execute("DROP POLICY looked_up_by_api ON amigocare.amigocare_leads")
    op.execute("ALTER TABLE amigocare.lead_import_chunks DROP COLUMN reasons")
    op.execute("ALTER TABLE amigocare.lead_imports DROP COLUMN parent_id, DROP COLUMN corrections")
