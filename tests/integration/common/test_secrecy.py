"""What a process keeps from others of the same user."""

import subprocess
import sys

import pytest

from tests.support.stack import ROOT

LOOKS = """
import ctypes, os, sys
from libs.common.process.secrecy import hide_from_neighbours
if os.getuid() == 0:  # from whom nothing is kept
    os.setgid(65_534)
    os.setuid(65_534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # a change of the user alone would hide it, too
if {hides}:
    hide_from_neighbours()
if os.fork() == 0:
    seen = []
    for name in ("environ", "maps"):
        try:
            open(f"/proc/{{os.getppid()}}/{{name}}", "rb").close()
            seen.append(name)
        except PermissionError:
            pass
    print(seen, flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.parametrize(("hides", "seen"), [(False, ["environ", "maps"]), (True, [])])
def test_a_child_of_the_same_user_sees_nothing_of_its_parent(hides: bool, seen: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOKS.format(hides=hides)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == str(seen), done.stderr


ENDS = """
import runpy, sys
from libs.common.process import secrecy

def hidden():
    sys.exit({code})

secrecy.hide_from_neighbours = hidden
runpy.run_module({module!r}, run_name="__main__")
"""
HIDDEN = 41


@pytest.mark.parametrize("module", ["services.api.main", "services.leads.main", "services.api.reading.worker"])
def test_a_process_that_others_of_its_user_read_strangers_files_beside_hides_before_all_else(module: str) -> None:
    """The api and leads hold every secret; a reader holds the file of one company, another reader that of the next."""
    script = ENDS.format(code=HIDDEN, module=module)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == HIDDEN, done.stderr[-2_000:]
