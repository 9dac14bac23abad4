"""The wall between companies, for the migrations of every owner: who may do what, and which rows exist for whom.

``Postgres.transaction(company_id=…)`` takes the role ``leadflow_tenant`` and sets ``leadflow.company_id``. The house's
own transactions (relay, finalizer, migrations) see everything. A table without a word here is out of a company's reach.

Revisions that are deployed call these functions: what they make may not change. Another wall is another function.
"""

from alembic import op

SCHEMA = "amigocare"
TENANT = "leadflow_tenant"
EVERYTHING = ("SELECT", "INSERT", "UPDATE", "DELETE")

# A subselect: it is evaluated once a statement, not once a row.
COMPANY = "(SELECT nullif(current_setting('leadflow.company_id', true), '')::int)"


def make_tenant_role() -> None:
    """Make the role that a company's transactions take, and let it into the schema."""
    make_role(TENANT)
    # Who owns the tables takes this role. Where services have roles of their own nobody does.
    op.execute(
        f"""
        DO $$ BEGIN
            GRANT {TENANT} TO CURRENT_USER;
        EXCEPTION WHEN insufficient_privilege THEN NULL;
        END $$
        """
    )


def make_role(role: str, *, schema: str = SCHEMA) -> None:
    """Make a role that nobody logs in as, unless it is there, and let it into the schema."""
    # Roles belong to the cluster: another database of it may have made this one, or the platform's people.
    op.execute(
        f"""
        DO $$ BEGIN
            IF to_regrole('{role}') IS NULL THEN
                CREATE ROLE {role} NOLOGIN;
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
        """
    )
    grant_unless_given(
        f"GRANT USAGE ON SCHEMA {schema} TO {role}", given=f"has_schema_privilege('{role}', '{schema}', 'USAGE')"
    )


def grant_unless_given(grant: str, *, given: str) -> None:
    """Grant what may be another's to grant: on the platform's schema and tables. ``given`` tells whether it did.

    ``leadflow migrate`` looks before its first revision and says all that is missing (migrations/platform_rights.py).
    """
    op.execute(
        f"""
        DO $$ BEGIN
            BEGIN
                {grant};
            EXCEPTION WHEN insufficient_privilege THEN NULL;
            END;
            -- Who may not grant is refused, or only warned.
            IF NOT ({given}) THEN
                RAISE insufficient_privilege USING MESSAGE = 'somebody with more rights must run: {grant}';
            END IF;
        END $$
        """
    )


def grant_on_sequences(role: str, privilege: str = "USAGE") -> None:
    """Let a role take numbers from every sequence that is ours, or look at it (``SELECT``)."""
    op.execute(
        f"""
        DO $$ DECLARE sequence oid; BEGIN
            FOR sequence IN SELECT oid FROM pg_class WHERE relkind = 'S' AND relnamespace = '{SCHEMA}'::regnamespace
                AND pg_has_role(relowner, 'USAGE')
            LOOP
                EXECUTE format('GRANT {privilege} ON SEQUENCE %s TO {role}', sequence::regclass);
            END LOOP;
        END $$
        """
    )


def grant_to_tenants(table: str, *privileges: str, schema: str = SCHEMA) -> None:
    """Let every company's transactions do this with the whole table: no policy hides a row of it.

    Identity columns need no grant of their own.
    """
    wanted = ", ".join(privileges)
    grant_unless_given(
        f"GRANT {wanted} ON {schema}.{table} TO {TENANT}",
        given=f"has_table_privilege('{TENANT}', '{schema}.{table}', '{wanted}')",
    )


def wall_by_company(table: str, *, schema: str = SCHEMA) -> None:
    """Give a company's transactions the rows whose ``company_id`` is theirs."""
    _wall(table, f"company_id = {COMPANY}", schema=schema)


def wall_by_import(table: str) -> None:
    """Give a company's transactions the rows whose ``import_id`` is an import that they see."""
    # The import itself is seen through its own policy.
    _wall(table, f"EXISTS (SELECT FROM {SCHEMA}.lead_imports i WHERE i.id = import_id)")


def take_wall_down(table: str) -> None:
    """Undo ``wall_by_…``, but for the grants."""
    op.execute(f"DROP POLICY of_the_company ON {SCHEMA}.{table}")
    op.execute(f"ALTER TABLE {SCHEMA}.{table} DISABLE ROW LEVEL SECURITY")


def _wall(table: str, theirs: str, *, schema: str = SCHEMA) -> None:
    grant_to_tenants(table, *EVERYTHING, schema=schema)
    op.execute(f"ALTER TABLE {schema}.{table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY of_the_company ON {schema}.{table} TO {TENANT} USING ({theirs})")
