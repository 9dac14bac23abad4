"""What a bare ``make test`` or ``make check`` leaves out is there, says so, and is run by CI and whoever names it."""

import os
import subprocess
import sys

import pytest

from tests.support.quick import LONG, SLOW
from tests.support.stack import ROOT

A_LONG_ONE = "tests/integration/start/test_changed_password.py"
A_SLOW_ONE = "tests/unit/operator/test_what_the_program_reads.py"


def skipped(file: str, *arguments: str, **environment: str) -> tuple[int, int]:
    """Return how many tests of the file would be skipped, and how many there are; nothing is run."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("LEADFLOW_", "PYTEST_"))}
    ended = subprocess.run(
        [sys.executable, "-c", LOOK, file, *arguments],
        cwd=ROOT,
        env=ours | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    left_out, all_of_them = ended.stdout.splitlines()[-1].split()
    return int(left_out), int(all_of_them)


LOOK = """
import os
import sys
import pytest

folder, name = os.path.split(sys.argv[1])

class Look:
    def pytest_collection_finish(self, session):
        self.found = [item for item in session.items if item.path.name == name]

look = Look()
options = ["--collect-only", "--quiet", "-p", "no:cacheprovider", "-o", f"testpaths={folder}"]
pytest.main([*options, *sys.argv[2:]], plugins=[look])
print(sum(item.get_closest_marker("skip") is not None for item in look.found), len(look.found))
"""


def test_every_file_that_is_left_out_is_there() -> None:
    assert [path for path in LONG | SLOW if not (ROOT / path).is_file()] == []


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
    left_out, all_of_them = skipped(A_LONG_ONE, *arguments, **environment)
    assert all_of_them == 1
    assert left_out == count


def test_what_takes_seconds_is_left_out_by_make_check_alone() -> None:
    folder = A_SLOW_ONE.rpartition("/")[0]
    left_out, all_of_them = skipped(A_SLOW_ONE, folder, LEADFLOW_TEST_CHECK="1")
    assert left_out == all_of_them > 0
    assert skipped(A_SLOW_ONE, folder) == (0, all_of_them)
    assert skipped(A_SLOW_ONE, folder, LEADFLOW_TEST_CHECK="1", LEADFLOW_TEST_NEVER_SKIPS="1") == (0, all_of_them)
