"""Leads by words, by phones and by a company's own fields, by their indexes from behind the wall too.

``@@``, ``&&`` and ``@>`` are not leakproof: PostgreSQL asks the policies first, so a search read all of a company's
leads. These functions work as the owner of the tables and hold to the company of the transaction themselves, as
``tags_named`` does. The decision: docs/decisions/0024.
"""

from alembic import op

from migrations.service_roles import make_function_past_the_wall
from migrations.tenancy import COMPANY

revision = "leads_0017"
down_revision = "leads_0016"
branch_labels = None
depends_on = None

_SEARCHED = f"SELECT s.lead_id FROM crm.lead_search s WHERE s.company_id = {COMPANY} AND"
_VALUES = f"""
    SELECT l.id FROM amigocare.amigocare_leads l
    WHERE l.company_id = {COMPANY} AND l.custom_fields IS NOT NULL AND l.custom_fields @> wanted
"""
# With how many rows the planner expects, and the body.
FUNCTIONS = {
    "crm.leads_with_words(wanted tsquery)": (1_000, f"{_SEARCHED} s.words @@ wanted"),
    "crm.leads_with_phones(wanted text[])": (10, f"{_SEARCHED} s.phones && wanted"),
    "crm.leads_with_values(wanted jsonb)": (1_000, _VALUES),
}


def upgrade() -> None:
    for function, (rows, body) in FUNCTIONS.items():
        make_function_past_the_wall(function, f"SETOF int ROWS {rows}", body, service="leads")


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
