"""Alembic's entry point. ``leadflow migrate`` (services/operator/migrate.py) hands over a connection and its lock."""

from alembic import context
from sqlalchemy import Connection, text

connection: Connection = context.config.attributes["connection"]

with connection.begin():
    # CREATE SCHEMA IF NOT EXISTS asks for the right to create one before it looks whether it must.
    if connection.execute(text("SELECT to_regnamespace('amigocare') IS NULL")).scalar_one():
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS amigocare"))

# Each revision is a transaction together with its line in alembic_version: locks go when it ends, one that fails
# leaves nothing, and one that builds an index concurrently may step out of it.
context.configure(
    connection=connection, target_metadata=None, version_table_schema="amigocare", transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
