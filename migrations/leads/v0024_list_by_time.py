"""A company's leads in the order in which they were made, which is the list's: a period is a part of it.

The list went by the leads' numbers, and a time that few leads have led past all that are newer. It takes the place of
that index, which the last of these revisions drops, and begins as it did, for the reason given in
``v0003_list_of_a_company.py``. It has the company once more as a column because the wall asks for it so.
"""

from migrations.indexes import create_index_concurrently, drop_index_concurrently

revision = "leads_0024"
down_revision = "leads_0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently(
        "amigocare_leads_by_time",
        "amigocare_leads (CAST(company_id AS bigint), created_at, id) INCLUDE (company_id, is_deleted)",
    )


def downgrade() -> None:
    drop_index_concurrently("amigocare.amigocare_leads_by_time")
