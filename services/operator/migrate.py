"""Alembic, called without a configuration file: the URL comes from the environment alone."""

from pathlib import Path

from alembic import command
from alembic.config import Config

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def upgrade_postgres() -> None:
    """Upgrade the schema to the newest revision."""
    config = Config()
    # A percent sign means interpolation to the configuration parser below Alembic.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
