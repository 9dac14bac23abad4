"""The roles of leads and enroller, with the rights of their stores."""

from alembic import op

from migrations.service_roles import Grants, grant_to_service, open_by_company, open_wholly, role_of
from migrations.tenancy import make_role

revision = "leads_0009"
down_revision = "leads_0008"
branch_labels = None
depends_on = None

CRM = "crm"
EVERYTHING = ("SELECT", "INSERT", "UPDATE", "DELETE")
KEPT = ("SELECT", "INSERT")
"""Written once: neither changed nor deleted by the service."""

OF_THE_PLATFORM: dict[str, Grants] = {
    "leads": {
        "amigocare_leads": ("SELECT", "INSERT", "UPDATE"),
        "chat_tags": ("SELECT",),
        "tags": ("SELECT",),
        "lead_sources": ("SELECT",),
        "lead_channels": ("SELECT",),
        "outbox": ("INSERT",),
    },
    "enroller": {
        "amigocare_leads": ("SELECT",),
        "lead_imports": ("SELECT",),
        "lead_sources": ("SELECT",),
    },
}
OF_CRM: dict[str, Grants] = {
    "leads": {
        "lead_activities": KEPT,
        "lead_lists": EVERYTHING,
        "lead_list_members": EVERYTHING,
        "field_definitions": EVERYTHING,
        "pipelines": EVERYTHING,
        "stages": EVERYTHING,
        "opportunities": EVERYTHING,
        "audit_log": KEPT,
        "access_log": KEPT,
        "capture_hits": EVERYTHING,
        "capture_forms": ("SELECT",),
        "lead_search": EVERYTHING,
    },
    "enroller": {
        "lead_activities": KEPT,
        "lead_lists": ("SELECT", "UPDATE"),
        "lead_list_members": KEPT,
        "lead_search": ("SELECT", "INSERT", "UPDATE"),
    },
}
FOR_EVERYBODY = {("leads", "capture_forms")}
"""Whose form it is, is known only when it has been read."""
SHARED = ("lead_sources", "lead_channels")


def upgrade() -> None:
    for service, grants in OF_THE_PLATFORM.items():
        make_role(role_of(service))
        make_role(role_of(service), schema=CRM)
        grant_to_service(service, grants)
        for table in grants:
            if table == "outbox":
                open_wholly(service, table)
            elif table not in SHARED:
                open_by_company(service, table, everybodys=False)
    for service, grants in OF_CRM.items():
        grant_to_service(service, grants, schema=CRM)
        for table in grants:
            open_by_company(service, table, everybodys=(service, table) in FOR_EVERYBODY, schema=CRM)


def downgrade() -> None:
    for service, grants in OF_CRM.items():
        for table in grants:
            op.execute(f"DROP POLICY of_{service} ON crm.{table}")
    for service, grants in OF_THE_PLATFORM.items():
        for table in grants:
            if table not in SHARED:
                op.execute(f"DROP POLICY of_{service} ON amigocare.{table}")
