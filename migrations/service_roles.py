"""A role for each service, for the migrations of every owner: it owns nothing, and may do what its store does.

The platform's people make logins, ``CREATE ROLE … LOGIN IN ROLE leadflow_dedup``, and a process that logs in so has the
rights of its service. Where a process logs in as the owner of the tables nothing of this concerns it: then a company's
transactions take the role ``leadflow_tenant``.

A table behind the wall has a policy for each service beside the tenants': the rows of the company whose transaction it
is, and to a service that works for all of them (``everybodys``), every row while no company is set.

Revisions that are deployed call these functions: what they make may not change.
"""

from collections.abc import Mapping, Sequence

from alembic import op

from migrations.tenancy import COMPANY, SCHEMA, grant_unless_given

NO_COMPANY = "(SELECT nullif(current_setting('leadflow.company_id', true), '') IS NULL)"

Grants = Mapping[str, Sequence[str]]
"""Table → privileges, such as ``SELECT`` or ``UPDATE (updated_at)``. Whoever locks rows needs UPDATE of a column."""


def role_of(service: str) -> str:
    return f"leadflow_{service}"


def grant_to_service(service: str, grants: Grants) -> None:
    """Let a service do this with whole tables; which rows of them exist for it, policies say."""
    for table, privileges in grants.items():
        given = " AND ".join(
            f"has_any_column_privilege('{role_of(service)}', '{SCHEMA}.{table}', '{each.partition(' ')[0]}')"
            if each.partition(" ")[0] != "DELETE"
            else f"has_table_privilege('{role_of(service)}', '{SCHEMA}.{table}', 'DELETE')"
            for each in privileges
        )
        grant_unless_given(f"GRANT {', '.join(privileges)} ON {SCHEMA}.{table} TO {role_of(service)}", given=given)


def open_by_company(service: str, table: str, *, everybodys: bool) -> None:
    """Give a service the rows whose ``company_id`` is that of its transaction."""
    _open(service, table, f"company_id = {COMPANY}", everybodys=everybodys)


def open_by_import(service: str, table: str, *, everybodys: bool) -> None:
    """Give a service the rows whose ``import_id`` is an import that it sees."""
    _open(service, table, f"EXISTS (SELECT FROM {SCHEMA}.lead_imports i WHERE i.id = import_id)", everybodys=everybodys)


def open_wholly(service: str, table: str) -> None:
    """Give a service every row of a table that is of no company."""
    op.execute(f"CREATE POLICY of_{service} ON {SCHEMA}.{table} TO {role_of(service)} USING (true)")


def _open(service: str, table: str, theirs: str, *, everybodys: bool) -> None:
    rows = f"{NO_COMPANY} OR {theirs}" if everybodys else theirs
    op.execute(f"CREATE POLICY of_{service} ON {SCHEMA}.{table} TO {role_of(service)} USING ({rows})")
