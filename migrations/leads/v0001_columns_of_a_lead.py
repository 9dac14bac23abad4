"""What a lead has whichever door it came through. No statement here reads or writes the rows that are there.

Rows from before have no ``public_id``: a default that is computed would write every one of them now. They get theirs in
portions, afterwards.

No foreign keys for users: they would lock the platform's people, as in imports_0013.
"""

from alembic import op

revision = "leads_0001"
down_revision = None
branch_labels = ("leads",)
depends_on = "imports_0014"
_LOOKED_FOR = (
    "older code looks for leads by a phone that it knows, or by their import, which amigocare_leads_imported is for"
)
older_code_lives_with = {
    "amigocare_leads.contact_cellphone": _LOOKED_FOR,
    "amigocare_leads.amigocare_messaging_account_id": _LOOKED_FOR,
    "amigocare_leads.creator_id": "older code writes who made a lead, and reads it nowhere",
    "amigocare_leads_imported": "the three columns were NOT NULL until now, so what older code writes has all of them",
}

SOURCES = ("website", "referral", "social", "other")
CHANNELS = ("FORM", "MANUAL")

UPGRADE = (
    """
    ALTER TABLE amigocare.amigocare_leads
        ADD COLUMN public_id uuid,
        ADD COLUMN status varchar(16) NOT NULL DEFAULT 'new',
        ADD COLUMN priority varchar(8) NOT NULL DEFAULT 'medium',
        ADD COLUMN assigned_to int,
        ADD COLUMN first_name varchar(255),
        ADD COLUMN last_name varchar(255),
        ADD COLUMN company_name varchar(255),
        ADD COLUMN job_title varchar(255),
        ADD COLUMN linkedin_url varchar(255),
        ADD COLUMN phone_as_written varchar(64),
        ADD COLUMN message text,
        ADD COLUMN notes text,
        ADD COLUMN custom_fields jsonb,
        ADD COLUMN version int NOT NULL DEFAULT 1,
        ADD COLUMN closed_at timestamptz,
        ADD COLUMN opportunity_id uuid
    """,
    # Apart from the column, so that it is for rows that come alone. By time, so that neighbours in the index are made
    # together.
    "ALTER TABLE amigocare.amigocare_leads ALTER COLUMN public_id SET DEFAULT uuidv7()",
    # Who wrote to us by the public form has no account with us, may keep the phone to himself, and was made by nobody.
    """
    ALTER TABLE amigocare.amigocare_leads
        ALTER COLUMN contact_cellphone DROP NOT NULL,
        ALTER COLUMN amigocare_messaging_account_id DROP NOT NULL,
        ALTER COLUMN creator_id DROP NOT NULL,
        ADD CONSTRAINT amigocare_leads_imported CHECK (
            import_id IS NULL
            OR num_nulls(contact_cellphone, amigocare_messaging_account_id, creator_id) = 0
        ) NOT VALID,
        ADD CONSTRAINT amigocare_leads_status CHECK (
            status IN ('new', 'contacted', 'qualified', 'proposal', 'closed_won', 'closed_lost')
        ) NOT VALID,
        ADD CONSTRAINT amigocare_leads_priority CHECK (priority IN ('low', 'medium', 'high')) NOT VALID
    """,
)


# Whoever set the platform up may have numbered its rows by hand: then the sequence is behind them. One who is yet to do
# so begins with 1, as he always did.
FIRST_ID = 1001
PAST_ALL = """
    SELECT setval(sequence, past) FROM (
        SELECT pg_get_serial_sequence('amigocare.{table}', 'id') AS sequence, coalesce(max(id), {first} - 1) AS past
        FROM amigocare.{table}
    ) given WHERE coalesce(pg_sequence_last_value(sequence::regclass), 0) < past
"""


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)
    for table, names in (("lead_sources", SOURCES), ("lead_channels", CHANNELS)):
        op.execute(PAST_ALL.format(table=table, first=FIRST_ID))
        for name in names:
            op.execute(
                f"INSERT INTO amigocare.{table} (name) SELECT '{name}'"
                f" WHERE NOT EXISTS (SELECT FROM amigocare.{table} WHERE name = '{name}' AND NOT is_deleted)"
            )


def downgrade() -> None:
    raise RuntimeError("There is no way back that keeps what people wrote about their leads; restore a backup.")
