"""The statements of each revision, as Alembic would send them; no server is asked."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

CONTRACTS_AFTER = "contracts_after"
LIVES_WITH = "older_code_lives_with"


@dataclass(frozen=True, slots=True)
class Statement:
    """``alone``: it is a transaction of its own, as a revision's part in an ``autocommit_block`` is."""

    sql: str
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Revision:
    """What a revision does when it upgrades, and what it says about itself in its two attributes."""

    id: str
    statements: Sequence[Statement]
    contracts_after: str | None = None
    lives_with: Mapping[str, str] = field(default_factory=dict)
    unrecorded: str | None = None
    """Why its statements could not be had."""


def recorded_revisions(folder: Path) -> list[Revision]:
    """Return every owner's revisions, each after those that it stands on."""
    return [_recorded(script) for script in reversed(list(_scripts(folder).walk_revisions()))]


def in_the_release(folder: Path, heads: Sequence[str]) -> frozenset[str]:
    """Return the ids of a release's revisions, of which the newest of each owner are given."""
    scripts = _scripts(folder)
    return frozenset(each.revision for head in heads for each in scripts.iterate_revisions(head, "base"))


def _scripts(folder: Path) -> ScriptDirectory:
    owners = sorted({str(path.parent) for path in folder.glob("*/v*.py")})
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("version_locations", "\n".join(owners).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return ScriptDirectory.from_config(config)


def _recorded(script: Script) -> Revision:
    statements: list[Statement] = []
    context = MigrationContext.configure(
        dialect_name="postgresql",
        opts={"as_sql": True, "output_buffer": io.StringIO(), "transaction_per_migration": True},
    )
    alone = False

    def note(text: str) -> None:
        nonlocal alone
        word = text.strip().rstrip(";").upper()
        if word in ("BEGIN", "COMMIT"):
            alone = word == "COMMIT"
        elif word:
            statements.append(Statement(text, alone))

    context.impl.static_output = note  # type: ignore[method-assign]
    why = None
    with Operations.context(context), context.begin_transaction(_per_migration=True):
        try:
            script.module.upgrade()
        except Exception as error:  # noqa: BLE001 - whatever comes of asking a database that is not there
            why = f"{type(error).__name__}: {error}"
    return Revision(
        script.revision,
        statements,
        contracts_after=getattr(script.module, CONTRACTS_AFTER, None),
        lives_with=getattr(script.module, LIVES_WITH, {}),
        unrecorded=why,
    )
