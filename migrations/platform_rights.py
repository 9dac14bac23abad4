"""What only the platform's people can give: roles, and rights on the schema and the tables that are theirs.

``leadflow migrate`` looks before the first revision. What it may do itself, as CREATEROLE or as owner of the platform's
tables, it does; of the rest it says the SQL, all at once, and changes nothing.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from migrations.tenancy import SCHEMA, TENANT

HOST = ("companies", "users", "messaging_accounts", "patients", "attendances")
"""The platform's tables that ours refer to."""
OWN_SCHEMAS = ("crm",)
"""Schemas that hold tables of ours alone."""
_ROOMS = Path(__file__).resolve().parents[1] / "services"
SERVICES = tuple(sorted({path.relative_to(_ROOMS).parts[0] for path in _ROOMS.glob("**/store.py")}))
"""The services that have a store: each has a role, made by a revision of its owner's."""
ROLES = (TENANT, *(f"leadflow_{service}" for service in SERVICES))
READ = {
    TENANT: ("companies", "users", "messaging_accounts", "patients"),
    "leadflow_api": ("users", "messaging_accounts", "patients"),
    "leadflow_dedup": ("patients",),
    "leadflow_leads": ("users",),
}
"""What roles read of the platform's tables."""

_I_MAKE_ROLES = "(SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user)"
_MY_SCHEMA = f"(SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = '{SCHEMA}')"


def missing_rights(connection: Connection) -> list[str]:
    """Return the statements that somebody with more rights must run first, in their order; most often none."""
    me = connection.execute(text("SELECT quote_ident(current_user)")).scalar_one()
    there = text("SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(:schema)")
    # That a table of the platform's is not there at all, the first revision says.
    tables = set(connection.execute(there, {"schema": SCHEMA}).scalars())
    wanted = list(_wanted(me, tables))
    given = connection.execute(text("SELECT " + ", ".join(f"coalesce({each}, false)" for each, _ in wanted))).one()
    return [f"{statement};" for there, (_, statement) in zip(given, wanted, strict=True) if not there]


def _wanted(me: str, tables: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield (SQL that tells whether it is so, or is ours to do; the statement that makes it so)."""
    for role in ROLES:
        yield f"to_regrole('{role}') IS NOT NULL OR {_I_MAKE_ROLES}", f"CREATE ROLE {role} NOLOGIN"
    there = f"to_regnamespace('{SCHEMA}') IS NOT NULL"
    yield f"{there} OR has_database_privilege(current_database(), 'CREATE')", f"CREATE SCHEMA {SCHEMA}"
    for schema in OWN_SCHEMAS:
        yield (
            f"to_regnamespace('{schema}') IS NOT NULL OR has_database_privilege(current_database(), 'CREATE')",
            f"CREATE SCHEMA {schema} AUTHORIZATION {me}",
        )
    create = f"has_schema_privilege('{SCHEMA}', 'CREATE') AND has_schema_privilege('{SCHEMA}', 'USAGE')"
    yield f"CASE WHEN {there} THEN {create} ELSE true END", f"GRANT USAGE, CREATE ON SCHEMA {SCHEMA} TO {me}"
    for role in ROLES:
        yield (
            f"NOT {there} OR {_MY_SCHEMA} OR has_schema_privilege(to_regrole('{role}')::oid, '{SCHEMA}', 'USAGE')",
            f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}",
        )
    for table in (each for each in HOST if each in tables):
        oid = _oid(table)
        yield f"has_table_privilege({oid}, 'REFERENCES')", f"GRANT REFERENCES ON {SCHEMA}.{table} TO {me}"
    for role, read_by_it in READ.items():
        for table in (each for each in read_by_it if each in tables):
            oid = _oid(table)
            mine = f"(SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = {oid})"
            read = f"has_table_privilege(to_regrole('{role}')::oid, {oid}, 'SELECT')"
            yield f"{mine} OR {read}", f"GRANT SELECT ON {SCHEMA}.{table} TO {role}"


def _oid(table: str) -> str:
    # A name followed by ::regclass would ask for rights on the schema first.
    return f"(SELECT oid FROM pg_class WHERE relname = '{table}' AND relnamespace = to_regnamespace('{SCHEMA}'))"
