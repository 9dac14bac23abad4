"""The database itself refuses an import that ends without saying what became of each of its rows."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from libs.common.stores.postgres import Postgres
from tests.support.imports import insert_import
from tests.support.kafka import unique
from tests.support.platform import Tenant

END = """
    UPDATE amigocare.lead_imports
    SET status = :status, total_created = :created, total_existing = :existing, total_errors = :errors
    WHERE id = :id
"""


@pytest.mark.parametrize("status", ["FINISHED", "FAILED"])
async def test_an_import_cannot_end_with_totals_that_are_not_its_rows(
    postgres: Postgres, tenant: Tenant, status: str
) -> None:
    import_id = await insert_import(postgres, tenant, row_counts=[3], name=unique("n"))

    async def end(created: int, existing: int, errors: int) -> None:
        values = {"status": status, "created": created, "existing": existing, "errors": errors, "id": import_id}
        async with postgres.transaction(company_id=tenant.company_id) as connection:
            await connection.execute(text(END), values)

    for totals in ((1, 1, 0), (2, 1, 1), (0, 0, 0)):
        with pytest.raises(IntegrityError, match="lead_imports_totals"):
            await end(*totals)
    await end(1, 1, 1)
