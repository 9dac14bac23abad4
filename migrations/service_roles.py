"""A role for each service, for the migrations of every owner: it owns nothing, and may do what its store does.

The platform's people make logins, ``CREATE ROLE … LOGIN IN ROLE leadflow_dedup``, and a process that logs in so has the
rights of its service. Where a process logs in as the owner of the tables nothing of this concerns it: then a company's
transactions take the role ``leadflow_tenant``.

A table behind the wall has a policy for each service beside the tenants': the rows of the company whose transaction it
is, and to a service that works for all of them (``everybodys``), every row while no company is set.

Revisions that are deployed call these functions: what they make may not change.
"""

from collections.abc import Collection, Mapping, Sequence

from alembic import op

from migrations.tenancy import COMPANY, SCHEMA, TENANT, grant_unless_given

NO_COMPANY = "(SELECT nullif(current_setting('leadflow.company_id', true), '') IS NULL)"

Grants = Mapping[str, Sequence[str]]
"""Table → privileges, such as ``SELECT`` or ``UPDATE (updated_at)``. Whoever locks rows needs UPDATE of a column."""


def role_of(service: str) -> str:
    return f"leadflow_{service}"


def grant_to_service(service: str, grants: Grants, *, schema: str = SCHEMA) -> None:
    """Let a service do this with whole tables; which rows of them exist for it, policies say."""
    for table, privileges in grants.items():
        given = " AND ".join(
            f"has_any_column_privilege('{role_of(service)}', '{schema}.{table}', '{each.partition(' ')[0]}')"
            if each.partition(" ")[0] != "DELETE"
            else f"has_table_privilege('{role_of(service)}', '{schema}.{table}', 'DELETE')"
            for each in privileges
        )
        grant_unless_given(f"GRANT {', '.join(privileges)} ON {schema}.{table} TO {role_of(service)}", given=given)


def open_granted(
    service: str,
    grants: Grants,
    *,
    of_a_company: Collection[str],
    of_an_import: Collection[str],
    wholly: Collection[str],
    everybodys: bool,
) -> None:
    """Let a service do this, and give it the rows of each table behind the wall as the table is walled.

    A table of none of the three kinds is not behind the wall.
    """
    grant_to_service(service, grants)
    for table in grants:
        if table in of_a_company:
            open_by_company(service, table, everybodys=everybodys)
        elif table in of_an_import:
            open_by_import(service, table, everybodys=everybodys)
        elif table in wholly:
            open_wholly(service, table)


def open_by_company(service: str, table: str, *, everybodys: bool, schema: str = SCHEMA) -> None:
    """Give a service the rows whose ``company_id`` is that of its transaction."""
    _open(service, table, f"company_id = {COMPANY}", everybodys=everybodys, schema=schema)


def open_by_import(service: str, table: str, *, everybodys: bool) -> None:
    """Give a service the rows whose ``import_id`` is an import that it sees."""
    _open(service, table, f"EXISTS (SELECT FROM {SCHEMA}.lead_imports i WHERE i.id = import_id)", everybodys=everybodys)


def open_wholly(service: str, table: str) -> None:
    """Give a service every row of a table that is of no company."""
    op.execute(f"CREATE POLICY of_{service} ON {SCHEMA}.{table} TO {role_of(service)} USING (true)")


def _open(service: str, table: str, theirs: str, *, everybodys: bool, schema: str = SCHEMA) -> None:
    rows = f"{NO_COMPANY} OR {theirs}" if everybodys else theirs
    op.execute(f"CREATE POLICY of_{service} ON {schema}.{table} TO {role_of(service)} USING ({rows})")


def make_function_past_the_wall(function: str, returns: str, body: str, *, service: str) -> None:
    """Make a look-up, such as ``crm.look(wanted text)``, that works as the owner of the tables, past every policy.

    So its body must hold to COMPANY itself. It takes an index also while the statistics are from when a table was
    small. The service and the tenants' role may call it, and nobody else. Why: docs/decisions/0024.
    """
    op.execute(
        # As the owner, so no schema before the system's own may change what a name in the body means.
        f"CREATE FUNCTION {function} RETURNS {returns} LANGUAGE sql STABLE SECURITY DEFINER"
        f" SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $${body}$$"
    )
    op.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {TENANT}, {role_of(service)}")
