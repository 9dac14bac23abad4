"""The property tests of ``make fuzz`` get so many times their examples: no more, or they would never end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import ROOT

TIMES = 3
OWN = 7
PARAMETERS = 4
PROPERTY = f"""
import pytest
from hypothesis import given, settings, strategies as st


@pytest.mark.parametrize("place", range({PARAMETERS}))
@settings(max_examples={OWN}, database=None)
@given(number=st.integers())
def test_property(place, number):
    with open(f"tried-{{place}}", "a") as tried:
        tried.write("x")
"""


@pytest.mark.parametrize(("seconds", "tried"), [(60, TIMES * OWN), (0, 0)])
def test_each_parameter_of_a_property_is_tried_so_many_times_while_there_is_time(
    tmp_path: Path, seconds: int, tried: int
) -> None:
    (tmp_path / "test_property.py").write_text(PROPERTY)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    told = {"TIMES": str(TIMES), "SECONDS": str(seconds), "ORDER": "1"}
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.fuzz.more_examples", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=os.environ | {f"LEADFLOW_FUZZ_{name}": value for name, value in told.items()} | {"PYTHONPATH": str(ROOT)},
        check=True,
        timeout=60,
        capture_output=True,
    )
    found = [tmp_path / f"tried-{place}" for place in range(PARAMETERS)]
    assert [len(path.read_text()) if path.exists() else 0 for path in found] == [tried] * PARAMETERS
