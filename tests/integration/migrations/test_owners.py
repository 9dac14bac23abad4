"""A new owner adds a folder and touches nothing else; owners' revisions go their own ways in one database."""

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from services.operator.migrate import MIGRATIONS, MigrationRefused, upgrade_postgres
from services.operator.settings import MigrationSettings
from tests.support.stack import ROOT

HEAD = """
from alembic import op

from migrations.indexes import create_index_concurrently
from migrations.tenancy import grant_to_tenants, wall_by_company, wall_by_import

revision = "{revision}"
down_revision = {down}
branch_labels = {label}
depends_on = {needs}


def upgrade() -> None:
"""

TABLES = """
    op.execute(
        "CREATE TABLE amigocare.lead_notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " company_id int NOT NULL REFERENCES amigocare.companies, note text NOT NULL)"
    )
    wall_by_company("lead_notes")
    op.execute("CREATE TABLE amigocare.lead_files (import_id int NOT NULL REFERENCES amigocare.lead_imports)")
    wall_by_import("lead_files")
    op.execute("CREATE TABLE amigocare.lead_stages (name text NOT NULL)")
    grant_to_tenants("lead_stages", "SELECT")
"""
INDEX = """
    create_index_concurrently("lead_notes_company", "lead_notes (company_id)")
"""
COLUMN = """
    op.execute("ALTER TABLE amigocare.lead_imports ADD COLUMN mood text")
"""


def write(
    migrations: Path, owner: str, name: str, body: str, *, revision: str, down: str | None, needs: str | None = None
) -> None:
    folder = migrations / owner
    folder.mkdir(exist_ok=True)
    head = HEAD.format(revision=revision, down=repr(down), needs=repr(needs), label=None if down else repr((owner,)))
    (folder / name).write_text(head + body)


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    """The house's migrations, and those of an owner who came later: nothing but a folder."""
    copy = tmp_path / "50% mi:grations"
    shutil.copytree(MIGRATIONS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    write(copy, "visits", "v0001_notes.py", TABLES, revision="visits_0001", down=None, needs="0003")
    write(copy, "visits", "v0002_index.py", INDEX, revision="visits_0002", down="visits_0001")
    return copy


async def fetch(url: str, statement: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def test_a_folder_is_all_that_a_new_owner_adds(platform_url: str, migrations: Path) -> None:
    settings = MigrationSettings(postgres_url=platform_url)
    await upgrade_postgres(settings)
    await upgrade_postgres(settings, migrations=migrations)
    policies = dict(
        await fetch(
            platform_url,
            "SELECT tablename, (roles, cmd, qual, with_check)::text FROM pg_policies"
            " WHERE policyname = 'of_the_company'",
        )
    )
    assert policies["lead_notes"] == policies["tags"]
    assert policies["lead_files"] == policies["lead_import_tags"].replace("lead_import_tags.", "lead_files.")
    assert await fetch(
        platform_url,
        "SELECT table_name::text, string_agg(privilege_type::text, ',' ORDER BY privilege_type)"
        " FROM information_schema.role_table_grants WHERE grantee = 'leadflow_tenant'"
        " AND table_name IN ('lead_notes', 'lead_files', 'lead_stages') GROUP BY 1 ORDER BY 1",
    ) == [
        ("lead_files", "DELETE,INSERT,SELECT,UPDATE"),
        ("lead_notes", "DELETE,INSERT,SELECT,UPDATE"),
        ("lead_stages", "SELECT"),
    ]
    assert await fetch(
        platform_url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'amigocare.lead_notes_company'::regclass"
    ) == [(True,)]


async def test_a_company_writes_into_a_walled_table_and_sees_its_own_rows(platform_url: str, migrations: Path) -> None:
    await upgrade_postgres(MigrationSettings(postgres_url=platform_url), migrations=migrations)
    connection = await asyncpg.connect(platform_url)
    await connection.execute("INSERT INTO amigocare.companies (id, name) VALUES (1, 'One'), (2, 'Two')")
    await connection.execute("INSERT INTO amigocare.lead_notes (company_id, note) VALUES (2, 'theirs')")
    await connection.execute("SET ROLE leadflow_tenant")
    await connection.execute("SET leadflow.company_id = 1")
    await connection.execute("INSERT INTO amigocare.lead_notes (company_id, note) VALUES (1, 'ours')")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("INSERT INTO amigocare.lead_notes (company_id, note) VALUES (2, 'ours')")
    assert [row["note"] for row in await connection.fetch("SELECT note FROM amigocare.lead_notes")] == ["ours"]
    await connection.close()


async def test_the_guide_s_revision_makes_a_table_for_a_service_that_logs_in_by_itself(
    platform_url: str, migrations: Path
) -> None:
    guide = (ROOT / "docs" / "guide" / "migrations.md").read_text()
    shown, *_ = [code for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL) if "def upgrade" in code]
    # Somebody may have followed the guide.
    shown = shown.replace("notices", "guide_notices").replace("notifier", "guide_notifier")
    (migrations / "guide_notices").mkdir()
    (migrations / "guide_notices" / "v0001_notices.py").write_text(shown)
    await upgrade_postgres(MigrationSettings(postgres_url=SecretStr(platform_url)), migrations=migrations)
    connection = await asyncpg.connect(platform_url)
    await connection.execute("INSERT INTO amigocare.companies (id, name) VALUES (1, 'One'), (2, 'Two')")
    await connection.execute("INSERT INTO amigocare.guide_notices VALUES (1, 5), (2, 7)")
    for role in ("leadflow_guide_notifier", "leadflow_tenant"):
        await connection.execute(f"SET ROLE {role}")
        await connection.execute("SET leadflow.company_id = 1")
        assert await connection.fetch("UPDATE amigocare.guide_notices SET sent = sent + 1 RETURNING company_id") == [
            (1,)
        ]
        await connection.execute("RESET ROLE")
    await connection.close()


async def test_owners_go_on_without_each_other(platform_url: str, migrations: Path) -> None:
    """Also an owner whom another one's revision depends on."""
    settings = MigrationSettings(postgres_url=platform_url)
    await upgrade_postgres(settings, migrations=migrations)
    newest = max((migrations / "imports").glob("v*.py")).name.partition("_")[0].removeprefix("v")
    write(migrations, "imports", "v9999_mood.py", COLUMN, revision="imports_9999", down=f"imports_{newest}")
    await upgrade_postgres(settings, migrations=migrations)
    write(
        migrations, "visits", "v0003_more.py", COLUMN.replace("mood", "hue"), revision="visits_0003", down="visits_0002"
    )
    write(
        migrations, "campaigns", "v0001_more.py", COLUMN.replace("mood", "tone"), revision="campaigns_0001", down=None
    )
    await upgrade_postgres(settings, migrations=migrations)
    await upgrade_postgres(settings, migrations=migrations)
    revisions = {
        revision for (revision,) in await fetch(platform_url, "SELECT version_num FROM amigocare.alembic_version")
    }
    assert revisions >= {"imports_9999", "visits_0003", "campaigns_0001"}
    assert len(revisions) == len({revision.rsplit("_", 1)[0] for revision in revisions}), "each owner's newest alone"
    columns = await fetch(
        platform_url,
        "SELECT attname::text FROM pg_attribute WHERE attrelid = 'amigocare.lead_imports'::regclass"
        " AND attname IN ('mood', 'hue', 'tone') ORDER BY 1",
    )
    assert columns == [("hue",), ("mood",), ("tone",)]


async def test_a_revision_that_fails_leaves_nothing_and_those_before_it_stay(
    platform_url: str, migrations: Path
) -> None:
    settings = MigrationSettings(postgres_url=platform_url)
    broken = COLUMN + '    op.execute("ALTER TABLE amigocare.nowhere ADD COLUMN mood text")\n'
    write(migrations, "visits", "v0003_broken.py", broken, revision="visits_0003", down="visits_0002")
    with pytest.raises(Exception, match="nowhere"):
        await upgrade_postgres(settings, migrations=migrations)
    assert ("visits_0002",) in await fetch(platform_url, "SELECT version_num FROM amigocare.alembic_version")
    assert not await fetch(
        platform_url,
        "SELECT FROM pg_attribute WHERE attrelid = 'amigocare.lead_imports'::regclass AND attname = 'mood'",
    )
    write(migrations, "visits", "v0003_broken.py", COLUMN, revision="visits_0003", down="visits_0002")
    await upgrade_postgres(settings, migrations=migrations)
    assert ("visits_0003",) in await fetch(platform_url, "SELECT version_num FROM amigocare.alembic_version")


async def test_an_index_waits_for_older_transactions_beyond_the_time_for_a_lock(
    platform_url: str, migrations: Path
) -> None:
    """It holds up nobody, so it need not give up; what an interrupted run left is built anew."""
    (migrations / "visits" / "v0002_index.py").rename(migrations / "kept.txt")
    settings = MigrationSettings(postgres_url=platform_url, migrate_lock_timeout_seconds=0.2, migrate_lock_tries=1)
    await upgrade_postgres(settings, migrations=migrations)
    (migrations / "kept.txt").rename(migrations / "visits" / "v0002_index.py")
    left = "CREATE INDEX CONCURRENTLY lead_notes_company ON amigocare.lead_notes (company_id)"
    interrupted = await asyncpg.connect(platform_url, server_settings={"lock_timeout": "100"})
    reader = await asyncpg.connect(platform_url)
    await reader.execute("BEGIN")
    await reader.execute("LOCK TABLE amigocare.lead_notes IN ROW EXCLUSIVE MODE")
    with pytest.raises(asyncpg.LockNotAvailableError):
        await interrupted.execute(left)
    await interrupted.close()
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'amigocare.lead_notes_company'::regclass"
    assert await fetch(platform_url, valid) == [(False,)]
    migrating = asyncio.create_task(upgrade_postgres(settings, migrations=migrations))
    done, _ = await asyncio.wait([migrating], timeout=1.5)
    assert not done, "it waits for the reader"
    await reader.close()
    await migrating
    assert await fetch(platform_url, valid) == [(True,)]


DOUBLED = """
    op.execute("INSERT INTO amigocare.companies (id, name) VALUES (1, 'One'), (2, 'Two')")
    op.execute("CREATE TABLE amigocare.lead_phones AS SELECT '219876543' AS phone FROM amigocare.companies")
    op.execute("CREATE UNIQUE INDEX lead_phones_phone ON amigocare.lead_phones (phone)")
"""


async def test_a_refused_statement_is_told_without_the_values_of_rows(platform_url: str, migrations: Path) -> None:
    """The logs of a deployment are kept, and read by many; PostgreSQL's own words quote the rows."""
    write(migrations, "sync", "v0001_phones.py", DOUBLED, revision="sync_0001", down=None, needs="0003")
    with pytest.raises(MigrationRefused) as caught:
        await upgrade_postgres(MigrationSettings(postgres_url=platform_url), migrations=migrations)
    told = str(caught.value)
    assert "CREATE UNIQUE INDEX lead_phones_phone" in told
    assert "UniqueViolationError, sqlstate 23505" in told
    assert "219876543" not in told
    write(
        migrations,
        "sync",
        "v0001_phones.py",
        '    op.execute("DROP TABLE amigocare.nowhere")\n',
        revision="sync_0001",
        down=None,
        needs="0003",
    )
    with pytest.raises(MigrationRefused, match='sqlstate 42P01, table "nowhere" does not exist'):
        await upgrade_postgres(MigrationSettings(postgres_url=platform_url), migrations=migrations)
