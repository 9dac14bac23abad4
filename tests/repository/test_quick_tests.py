"""What a bare ``make test`` leaves out is there, says so, and is run by CI and by whoever names it."""

import os
import subprocess
import sys

import pytest

from tests.support.quick import LONG
from tests.support.stack import ROOT

A_LONG_ONE = "tests/integration/start/test_changed_password.py"


def skipped(*arguments: str, **environment: str) -> int:
    """Return how many tests of a file that takes minutes would be skipped; nothing is run."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("LEADFLOW_", "PYTEST_"))}
    ended = subprocess.run(
        [sys.executable, "-c", LOOK, *arguments],
        cwd=ROOT,
        env=ours | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return int(ended.stdout.splitlines()[-1])


LOOK = f"""
import sys
import pytest

class Look:
    def pytest_collection_finish(self, session):
        self.found = [item for item in session.items if item.path.name == "{A_LONG_ONE.rpartition("/")[2]}"]

look = Look()
options = ["--collect-only", "--quiet", "-p", "no:cacheprovider", "-o", "testpaths=tests/integration/start"]
pytest.main([*options, *sys.argv[1:]], plugins=[look])
assert look.found
print(sum(item.get_closest_marker("skip") is not None for item in look.found))
"""


def test_every_file_that_is_left_out_is_there() -> None:
    assert [path for path in LONG if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize(
    ("arguments", "environment", "count"),
    [
        ((), {}, 1),
        ((), {"LEADFLOW_TEST_ALL": "1"}, 0),
        ((), {"LEADFLOW_TEST_NEVER_SKIPS": "1"}, 0),
        ((A_LONG_ONE,), {}, 0),
    ],
    ids=["a bare run", "ALL=1", "CI", "by its name"],
)
def test_what_takes_minutes_is_left_out_by_a_bare_run_alone(
    arguments: tuple[str, ...], environment: dict[str, str], count: int
) -> None:
    assert skipped(*arguments, **environment) == count
