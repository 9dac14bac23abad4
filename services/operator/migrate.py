"""Alembic, called without a configuration file: the URL and the time limits come from the environment alone."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from libs.common.addresses.postgres_address import read_postgres_address
from libs.common.stores.postgres_connecting import Connector
from migrations.platform_rights import missing_rights
from services.operator.lock_waits import Waits, watch_waits
from services.operator.settings import MigrationSettings

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"

# Two replicas that start together must not migrate together.
MIGRATION_LOCK = 7_140_215

SECONDS_BETWEEN_LOOKS = 0.25
STATEMENT_SHOWN = 200

_NOT_GRANTED = {"55P03", "40P01"}
"""SQLSTATEs of a lock that was not had in time, and of a deadlock that we were taken out of."""


_AWAY = ("08", "53", "57", "58")
"""SQLSTATEs of a server that is not there or not well, rather than of a statement."""

_NAMES_ONLY = ("0A", "25", "2B", "3F", "42", "55")
"""SQLSTATEs whose messages name tables, columns and roles. Others quote values of rows: personal data."""


class MigrationRefused(Exception):
    """PostgreSQL refused a statement. Its text is for the operator, and holds no value of a row."""


class LockNotGranted(MigrationRefused):
    """A table was held by others for longer than we let everybody wait."""


async def upgrade_postgres(
    settings: MigrationSettings, *, migrations: Path = MIGRATIONS, say: Callable[[str], None] = lambda _: None
) -> None:
    """Upgrade the schema to the newest revision of every owner: every folder of ``migrations`` that holds revisions.

    Raises ``LockNotGranted`` when a lock is not to be had, ``MigrationRefused`` when a statement fails for another
    reason than a server that is away. Whatever it raises, each revision is there whole or not.
    """
    engine = _engine(settings)
    try:
        async with engine.connect() as connection:
            await _take_turn(connection, say)
            await _look_at_rights(connection, migrations)
            await _upgrade(engine, connection, settings, migrations, say)
    finally:
        await engine.dispose()


def _engine(settings: MigrationSettings) -> AsyncEngine:
    if settings.postgres_owner_url is None and settings.postgres_pooler == "transaction":
        raise MigrationRefused(
            "A migration is one session from its beginning to its end, and a pooler gives each transaction another."
            " Set LEADFLOW_POSTGRES_OWNER_URL to an address that leads past it."
        )
    address = read_postgres_address((settings.postgres_owner_url or settings.postgres_url).get_secret_value())
    ours = {
        "application_name": "leadflow-migrate",
        # While we wait for a table, everybody who comes after us waits behind us.
        "lock_timeout": str(round(settings.migrate_lock_timeout_seconds * 1000)),
    }
    connector = Connector(
        address, seconds=settings.postgres_timeout_seconds, start_up=dict(address.settings) | ours, prepares=True
    )
    return create_async_engine(
        "postgresql+asyncpg://",
        poolclass=pool.NullPool,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        connect_args={"async_creator_fn": connector.connect},
    )


async def _take_turn(connection: AsyncConnection, say: Callable[[str], None]) -> None:
    """Wait until no other migration runs. The turn ends with the connection.

    It is asked for again and again: who stands in a queue within a statement holds up an index that the other builds
    concurrently, which waits for all statements that began before it.
    """
    told = False
    while True:
        taken = await connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        mine = taken.scalar_one()
        await connection.commit()
        if mine:
            return
        if not told:
            say("Another migration is running; waiting for its end.")
            told = True
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)


async def _look_at_rights(connection: AsyncConnection, migrations: Path) -> None:
    """Raise ``MigrationRefused`` with all that others must grant before the revisions that are to come can be run."""
    missing: list[str] = []
    if not await connection.run_sync(_is_newest, migrations):
        missing = await connection.run_sync(missing_rights)
    await connection.commit()
    if missing:
        statements = "\n  ".join(missing)
        raise MigrationRefused(
            "Somebody with more rights than this role has must run the following first; nothing was changed."
            f"\n  {statements}"
        )


async def _upgrade(
    engine: AsyncEngine,
    connection: AsyncConnection,
    settings: MigrationSettings,
    migrations: Path,
    say: Callable[[str], None],
) -> None:
    pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    await connection.commit()
    seconds, tries = settings.migrate_lock_timeout_seconds, settings.migrate_lock_tries
    for number in range(1, tries + 1):
        try:
            async with watch_waits(engine, pid, every=min(SECONDS_BETWEEN_LOOKS, seconds / 4)) as waits:
                await connection.run_sync(_run_alembic, migrations)
                await connection.commit()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _NOT_GRANTED:
                if error.connection_invalidated or _sqlstate(error).startswith(_AWAY):
                    raise
                raise MigrationRefused(_refused(error)) from None
            await connection.rollback()
            if number == tries:
                raise LockNotGranted(_advice(error, waits, settings)) from None
            say(f"{_target(waits)} is held by {_holders(waits)}. Try {number} of {tries}; again in {seconds:g} s.")
            # Others queued behind us while we waited for the lock. A pause of the same length lets them through.
            await asyncio.sleep(seconds)
        else:
            return


def _is_newest(connection: Connection, migrations: Path) -> bool:
    there = MigrationContext.configure(connection, opts={"version_table_schema": "amigocare"}).get_current_heads()
    return set(there) == set(ScriptDirectory.from_config(_config(migrations)).get_heads())


def _run_alembic(connection: Connection, migrations: Path) -> None:
    config = _config(migrations)
    config.attributes["connection"] = connection
    command.upgrade(config, "heads")


def _config(migrations: Path) -> Config:
    owners = sorted({str(revision.parent) for revision in migrations.glob("*/v*.py")})
    config = Config()
    # A percent sign means interpolation to the configuration parser below Alembic.
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("version_locations", "\n".join(owners).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return config


def _target(waits: Waits) -> str:
    return f"{waits.target} ({waits.mode})" if waits.target else "A lock"


def _holders(waits: Waits) -> str:
    return "; ".join(map(str, waits.holders)) or "a session that could not be seen"


def _statement(error: DBAPIError) -> str:
    statement = " ".join((error.statement or "").split())
    return f"{statement[:STATEMENT_SHOWN]}{'…' if len(statement) > STATEMENT_SHOWN else ''}"


def _sqlstate(error: DBAPIError) -> str:
    """Return the server's code; that of a lost connection where the server said none."""
    return str(getattr(error.orig, "sqlstate", None) or "08000")


def _refused(error: DBAPIError) -> str:
    cause = error.orig and (error.orig.__cause__ or error.orig)
    sqlstate = _sqlstate(error)
    why = [type(cause).__name__, f"sqlstate {sqlstate}"]
    if sqlstate.startswith(_NAMES_ONLY):
        why.append(str(getattr(cause, "message", "")))
    names = {kind: getattr(cause, f"{kind}_name", None) for kind in ("table", "column", "constraint")}
    why += [f"{kind} {name}" for kind, name in names.items() if name]
    return (
        "PostgreSQL refused a statement. The revision was rolled back; those before it stay, and nothing is half done."
        f"\n  statement: {_statement(error)}\n  because:   {', '.join(why)}"
    )


def _advice(error: DBAPIError, waits: Waits, settings: MigrationSettings) -> str:
    pids = [holder.pid for holder in waits.holders if holder.pid]
    end = f", or end them (SELECT pg_terminate_backend({pids[0]}))" if pids else ""
    lines = [
        (
            f"No lock in {settings.migrate_lock_tries} tries of {settings.migrate_lock_timeout_seconds:g} s, so the"
            " migration gave up. The revision was rolled back; those before it stay, and nothing is half done."
        ),
        f"  wanted:    {_target(waits)}",
        f"  statement: {_statement(error)}",
        f"  held by:   {_holders(waits)}",
        (
            f"Wait until these transactions are over{end}, and run `leadflow migrate` again. More patience:"
            " LEADFLOW_MIGRATE_LOCK_TRIES, LEADFLOW_MIGRATE_LOCK_TIMEOUT_SECONDS."
        ),
    ]
    return "\n".join(lines)
