"""The command ``leadflow``, for deployment and for the people on call."""

import asyncio

import typer

from libs.common.kafka.admin import ensure_topics
from libs.common.mongo import Mongo
from services.operator.migrate import upgrade_postgres
from services.operator.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def leadflow() -> None:
    """Deploy Leadflow, look into its imports, repair them."""


@app.command()
def migrate() -> None:
    """Bring PostgreSQL, MongoDB's indexes and Kafka's topics up to date; a second run changes nothing."""
    settings = Settings()
    upgrade_postgres()
    asyncio.run(_migrate_servers(settings))
    typer.echo("PostgreSQL, MongoDB and Kafka are up to date.")


async def _migrate_servers(settings: Settings) -> None:
    mongo = Mongo(settings, application_name="migrate")
    try:
        await mongo.ensure_indexes()
    finally:
        await mongo.close()
    await ensure_topics(settings)


if __name__ == "__main__":
    app()
