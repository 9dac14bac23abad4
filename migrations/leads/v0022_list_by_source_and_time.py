"""A company's leads in the list's order, with what else is asked of many of them: their source and when they were made.

A source or a time that few leads have led past all of the company's, each read from the table. Now they are passed
over in the index alone, which is narrow and in order. An imported lead enters as many indexes as before: this one takes
the place of the list's, which the next revision drops. It begins as that one, for the reason given there. It has the
company once more as a column because the wall asks for it so.
"""

from migrations.indexes import create_index_concurrently, drop_index_concurrently

revision = "leads_0022"
down_revision = "leads_0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently(
        "amigocare_leads_of_company",
        "amigocare_leads (CAST(company_id AS bigint), id) INCLUDE (company_id, created_at, source_id, is_deleted)",
    )


def downgrade() -> None:
    drop_index_concurrently("amigocare.amigocare_leads_of_company")
