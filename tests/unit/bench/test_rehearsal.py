"""What a rehearsal's samples say: rows a second, and when the number of creators changed."""

import subprocess
import sys

from bench.rehearsal import Sample, figures
from bench.rehearsal_picture import speeds

SEEN = [
    Sample(0, lag=0, processes=1, rows=0),
    Sample(10, lag=2, processes=1, rows=100),
    Sample(20, lag=3, processes=1, rows=500),
    Sample(30, lag=20, processes=1, rows=900),  # many were uploaded at 25
    Sample(40, lag=18, processes=4, rows=1_500),
    Sample(60, lag=9, processes=4, rows=4_500),
    Sample(70, lag=0, processes=4, rows=4_600),  # over at 65
    Sample(200, lag=0, processes=2, rows=4_700),
    Sample(260, lag=0, processes=1, rows=4_800),
]


def test_figures_are_of_one_creator_alone_and_of_all_while_they_are_busy() -> None:
    assert figures(SEEN, many=25, over=65) == {
        "creators": 4,
        "of_one": 40.0,
        "of_all": 150.0,
        "grown_after": 15,
        "shrunk_after": 195,
    }


def test_a_speed_is_that_of_the_seconds_before() -> None:
    assert speeds([[0, 0, 1, 0], [5, 0, 1, 50], [10, 0, 1, 200], [20, 0, 1, 200]]) == [0, 10, 20, 0]


def test_who_does_not_draw_needs_no_matplotlib() -> None:
    code = "import sys, bench.rehearsal; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
