"""A company's first pipeline: one for each that has imported, and a function that makes it for those who come later.

Companies are the platform's: whoever migrates need not read them, and none of ours hears of a new one. Whoever asks for
the pipelines of one that has none gets it made then.
"""

from alembic import op

revision = "leads_0011"
down_revision = "leads_0010"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    CREATE FUNCTION crm.default_pipeline(company int) RETURNS uuid LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog AS $$
    DECLARE
        made uuid;
    BEGIN
        SELECT id INTO made FROM crm.pipelines WHERE company_id = company AND is_default;
        IF made IS NULL THEN
            -- Of two at once the second waits for the first, and then finds its pipeline.
            INSERT INTO crm.pipelines (company_id, name, is_default) VALUES (company, 'Sales', true)
            ON CONFLICT (company_id) WHERE is_default DO NOTHING RETURNING id INTO made;
            IF made IS NULL THEN
                SELECT id INTO made FROM crm.pipelines WHERE company_id = company AND is_default;
            ELSE
                INSERT INTO crm.stages (company_id, pipeline_id, name, position)
                SELECT company, made, name, position
                FROM unnest(ARRAY['Prospecting', 'Qualification', 'Proposal', 'Negotiation', 'Closing'])
                     WITH ORDINALITY AS given (name, position);
            END IF;
        END IF;
        RETURN made;
    END
    $$
    """,
    "SELECT crm.default_pipeline(company_id) FROM (SELECT DISTINCT company_id FROM amigocare.lead_imports) given",
    "ALTER TABLE crm.opportunities ADD CONSTRAINT opportunities_currency CHECK (currency ~ '^[A-Z]{3}$')",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE crm.opportunities DROP CONSTRAINT opportunities_currency")
    op.execute("DROP FUNCTION crm.default_pipeline(int)")
