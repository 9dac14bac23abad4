"""What PostgreSQL knows of our schema, so that two databases can be compared."""

import json
from typing import Any

import asyncpg

_QUERIES = {
    "schema": "SELECT nspname, acl(nspacl) FROM pg_namespace WHERE nspname = 'amigocare'",
    "tables": (
        "SELECT relname, relkind, relpersistence, relrowsecurity, relforcerowsecurity, reloptions, acl(relacl)"
        " FROM pg_class WHERE relnamespace = 'amigocare'::regnamespace ORDER BY relname"
    ),
    "columns": (
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, a.attidentity,"
        " a.attgenerated, a.attstorage, a.attcompression, a.attcollation::regcollation::text AS collation,"
        " acl(a.attacl), pg_get_expr(d.adbin, d.adrelid) AS default"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)"
        " WHERE c.relnamespace = 'amigocare'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')"
        " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum"
    ),
    "constraints": (
        "SELECT conrelid::regclass::text, conname, contype, convalidated, pg_get_constraintdef(oid) AS definition"
        " FROM pg_constraint WHERE connamespace = 'amigocare'::regnamespace ORDER BY 1, 2"
    ),
    "indexes": (
        "SELECT indexrelid::regclass::text, indisunique, indisprimary, indisvalid, indisready, indisreplident,"
        " pg_get_indexdef(indexrelid) AS definition FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
        " WHERE relnamespace = 'amigocare'::regnamespace ORDER BY 1"
    ),
    "policies": "SELECT * FROM pg_policies WHERE schemaname = 'amigocare' ORDER BY tablename, policyname",
    "sequences": (
        "SELECT seqrelid::regclass::text, seqtypid::regtype::text, seqstart, seqincrement, seqmin, seqmax, seqcycle"
        " FROM pg_sequence JOIN pg_class ON pg_class.oid = seqrelid"
        " WHERE relnamespace = 'amigocare'::regnamespace ORDER BY 1"
    ),
    "functions": (
        "SELECT proname, pg_get_functiondef(oid), acl(proacl) FROM pg_proc"
        " WHERE pronamespace = 'amigocare'::regnamespace ORDER BY 1, 2"
    ),
    "triggers": (
        "SELECT pg_get_triggerdef(t.oid) AS definition FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid"
        " WHERE relnamespace = 'amigocare'::regnamespace AND NOT tgisinternal ORDER BY 1"
    ),
    "types": (
        "SELECT typname, typtype FROM pg_type WHERE typnamespace = 'amigocare'::regnamespace"
        " AND typtype <> 'c' AND typcategory <> 'A' ORDER BY 1"
    ),
    "default privileges": "SELECT defaclobjtype, acl(defaclacl) FROM pg_default_acl ORDER BY 1",
    "revisions": "SELECT version_num FROM amigocare.alembic_version ORDER BY 1",
}

# In order: grants that were given one after the other stand as they were given.
_ACL = """
CREATE FUNCTION pg_temp.acl(aclitem[]) RETURNS text[] LANGUAGE sql
RETURN (SELECT array_agg(item::text ORDER BY item::text) FROM unnest($1) AS item)
"""


async def catalogue(postgres_url: str) -> dict[str, list[dict[str, Any]]]:
    """Return everything that makes the schema: tables, columns, types, defaults, constraints, indexes, grants …"""
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(_ACL)
        return {
            kind: [
                json.loads(row[0])
                for row in await connection.fetch(f"SELECT to_jsonb(found) FROM ({_put_in(query)}) AS found")
            ]
            for kind, query in _QUERIES.items()
        }
    finally:
        await connection.close()


def _put_in(query: str) -> str:
    return query.replace(" acl(", " pg_temp.acl(")
