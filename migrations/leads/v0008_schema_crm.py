"""The schema ``crm``: what people do with leads, who looked at them, and where the form stands.

What hangs on a lead goes with its row: creator takes back the rows of a chunk that it could not finish.
"""

from alembic import op

from migrations.tenancy import TENANT, make_role, wall_by_company

revision = "leads_0008"
down_revision = "leads_0007"
branch_labels = None
depends_on = None

SCHEMA = "crm"
OF_A_COMPANY = (
    "lead_activities",
    "lead_lists",
    "lead_list_members",
    "field_definitions",
    "pipelines",
    "stages",
    "opportunities",
    "audit_log",
    "access_log",
    "capture_hits",
    "capture_forms",
    "lead_search",
)
_COMPANY = "company_id int NOT NULL REFERENCES amigocare.companies"
_LEAD = "lead_id int NOT NULL REFERENCES amigocare.amigocare_leads ON DELETE CASCADE"

UPGRADE = (
    # CREATE SCHEMA IF NOT EXISTS asks for the right to create one before it looks whether it must.
    "DO $$ BEGIN IF to_regnamespace('crm') IS NULL THEN CREATE SCHEMA crm; END IF; END $$",
    f"""
    CREATE TABLE crm.lead_activities (
        id uuid PRIMARY KEY DEFAULT uuidv7(),
        {_LEAD},
        {_COMPANY},
        activity_type varchar(16) NOT NULL
            CHECK (activity_type IN ('created', 'status_changed', 'note_added', 'contacted', 'assigned', 'converted')),
        description text NOT NULL,
        performed_by int,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX lead_activities_lead ON crm.lead_activities (lead_id, id)",
    # A lead is created once, however often that is told.
    "CREATE UNIQUE INDEX lead_activities_created ON crm.lead_activities (lead_id) WHERE activity_type = 'created'",
    f"""
    CREATE TABLE crm.lead_lists (
        id uuid PRIMARY KEY DEFAULT uuidv7(),
        {_COMPANY},
        name varchar(255) NOT NULL,
        description text,
        lead_count int NOT NULL DEFAULT 0 CHECK (lead_count >= 0),
        created_by int NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE UNIQUE INDEX lead_lists_name ON crm.lead_lists (company_id, lower(name))",
    f"""
    CREATE TABLE crm.lead_list_members (
        list_id uuid NOT NULL REFERENCES crm.lead_lists ON DELETE CASCADE,
        {_LEAD},
        {_COMPANY},
        added_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (list_id, lead_id)
    )
    """,
    "CREATE INDEX lead_list_members_lead ON crm.lead_list_members (lead_id)",
    f"""
    CREATE TABLE crm.field_definitions (
        {_COMPANY},
        key varchar(64) NOT NULL,
        label varchar(255) NOT NULL,
        type varchar(8) NOT NULL CHECK (type IN ('string', 'number', 'boolean', 'date')),
        created_by int NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (company_id, key)
    )
    """,
    f"""
    CREATE TABLE crm.pipelines (
        id uuid PRIMARY KEY DEFAULT uuidv7(),
        {_COMPANY},
        name varchar(255) NOT NULL,
        is_default bool NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE UNIQUE INDEX pipelines_default ON crm.pipelines (company_id) WHERE is_default",
    f"""
    CREATE TABLE crm.stages (
        id uuid PRIMARY KEY DEFAULT uuidv7(),
        {_COMPANY},
        pipeline_id uuid NOT NULL REFERENCES crm.pipelines ON DELETE CASCADE,
        name varchar(255) NOT NULL,
        position int NOT NULL,
        UNIQUE (pipeline_id, position)
    )
    """,
    f"""
    CREATE TABLE crm.opportunities (
        id uuid PRIMARY KEY DEFAULT uuidv7(),
        {_COMPANY},
        {_LEAD} UNIQUE,
        stage_id uuid NOT NULL REFERENCES crm.stages,
        title varchar(255) NOT NULL,
        value numeric(15, 2) CHECK (value >= 0),
        currency char(3) NOT NULL,
        expected_close date,
        created_by int NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    f"""
    CREATE TABLE crm.audit_log (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        {_COMPANY},
        lead_id int NOT NULL,
        user_id int,
        action varchar(32) NOT NULL,
        before jsonb,
        after jsonb,
        at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX audit_log_lead ON crm.audit_log (lead_id, id)",
    f"""
    CREATE TABLE crm.access_log (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        {_COMPANY},
        lead_id int NOT NULL,
        user_id int NOT NULL,
        at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX access_log_lead ON crm.access_log (lead_id, id)",
    # A row an address and at most as many times as the limit: how large it grows follows from how many addresses
    # write within an hour.
    f"""
    CREATE TABLE crm.capture_hits (
        {_COMPANY},
        address cidr NOT NULL,
        hits timestamptz[] NOT NULL,
        last_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (company_id, address)
    )
    """,
    "CREATE INDEX capture_hits_last ON crm.capture_hits (company_id, last_at)",
    f"""
    CREATE TABLE crm.capture_forms (
        key varchar(64) PRIMARY KEY,
        {_COMPANY},
        origins text[] NOT NULL DEFAULT '{{}}',
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    f"""
    CREATE TABLE crm.lead_search (
        lead_id int PRIMARY KEY REFERENCES amigocare.amigocare_leads ON DELETE CASCADE,
        {_COMPANY},
        folded text NOT NULL,
        words tsvector NOT NULL,
        email text,
        phones text[] NOT NULL DEFAULT '{{}}',
        source_id int NOT NULL
    )
    """,
    "CREATE INDEX lead_search_words ON crm.lead_search USING gin (words)",
    "CREATE INDEX lead_search_email ON crm.lead_search (company_id, email, lead_id) WHERE email IS NOT NULL",
    "CREATE INDEX lead_search_phones ON crm.lead_search USING gin (phones)",
    "CREATE INDEX lead_search_source ON crm.lead_search (company_id, source_id, lead_id)",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)
    make_role(TENANT, schema=SCHEMA)
    for table in OF_A_COMPANY:
        wall_by_company(table, schema=SCHEMA)


def downgrade() -> None:
    op.execute("DROP SCHEMA crm CASCADE")
