"""The revisions of every owner: one line each, ids that no other owner's can be, files where they are looked for."""

from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from services.operator.migrate import MIGRATIONS

DEPLOYED_BEFORE_OWNERS = ("0001", "0002", "0003")
LONGEST_ID = 32
"""What ``alembic_version`` holds."""

OWNERS = sorted({path.parent for path in MIGRATIONS.glob("*/*.py")})


def revisions(*owners: Path) -> list[Script]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("version_locations", "\n".join(map(str, owners)).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return list(ScriptDirectory.from_config(config).walk_revisions())


def test_there_is_something_to_look_at() -> None:
    assert "imports" in [owner.name for owner in OWNERS]


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.name)
def test_an_owner_s_folder_holds_revisions_alone(owner: Path) -> None:
    """``leadflow migrate`` looks for ``v*.py``, and Alembic takes every other file for a broken one."""
    names = {path.name for path in owner.glob("*.py")} - {"__init__.py"}
    assert names
    assert {name for name in names if not name.startswith("v")} == set()


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.name)
def test_an_owner_s_revisions_are_one_line_with_ids_of_its_own(owner: Path) -> None:
    """Two owners' equal ids would be one revision to Alembic."""
    own = [each for each in revisions(*OWNERS) if Path(each.path).parent == owner]
    ids = {each.revision for each in own}
    assert len([each for each in own if each.is_base]) == 1
    assert len([each for each in own if not each.nextrev & ids]) == 1
    for each in own:
        named = each.revision in DEPLOYED_BEFORE_OWNERS or each.revision.startswith(f"{owner.name}_")
        assert named, f"{each.path}: call it {owner.name}_0001, _0002 …"
        assert len(each.revision) <= LONGEST_ID
        assert Path(each.path).name.startswith(f"v{each.revision.rpartition('_')[2]}_"), each.path


def test_the_revisions_that_are_deployed_keep_their_ids() -> None:
    by_id = {each.revision: each for each in revisions(*OWNERS)}
    assert [by_id[each].down_revision for each in DEPLOYED_BEFORE_OWNERS] == [None, "0001", "0002"]
