"""``make status``: states and their reasons, the table, and what it comes to."""

import pytest

from deploy.local.status import Condition, State, duration, summary, table, without_asking
from deploy.local.supervision import BAD_DEPLOY, RunningProcess


def process(name: str = "creator", state: str = "running", **other: int) -> RunningProcess:
    given = {"pid": 42 if state in {"running", "stopping"} else 0, "uptime": 65, "exit_code": 0, "restarts": 0} | other
    return RunningProcess(name=name, state=state, **given)


@pytest.mark.parametrize(
    ("found", "held", "state", "reason"),
    [
        (process(), True, State.FROZEN, "kill -CONT 42"),
        (process(state="stopped"), False, State.STOPPED, ""),
        (process(state="exited", exit_code=BAD_DEPLOY), False, State.GIVEN_UP, "make logs SERVICE=creator"),
        (process(state="fatal"), False, State.GIVEN_UP, "cannot be started"),
        (process(state="exited", exit_code=1), False, State.NOT_READY, "started again"),
        (process(state="backoff"), False, State.NOT_READY, "started again"),
        (process(state="stopping"), False, State.NOT_READY, "stopping"),
    ],
)
def test_what_is_known_without_asking_the_process(found: RunningProcess, held: bool, state: State, reason: str) -> None:
    settled = without_asking(found, held=held)
    assert settled is not None
    assert settled[0] is state
    assert reason in settled[1]


def test_a_process_that_runs_is_asked() -> None:
    assert without_asking(process(), held=False) is None


READY = Condition(process("postgres", uptime=7_265, pid=123_456), State.READY, 18_002)
STUCK = Condition(process(restarts=3), State.NOT_READY, 18_012, "12 messages wait")
FROZEN = Condition(process("tagger"), State.FROZEN, 18_011, "held")
STOPPED = Condition(process("api", "stopped", uptime=0), State.STOPPED, None)
SCALED_AWAY = Condition(process("dedup", "stopped"), State.STOPPED, 18_010, "scaled to 0", intended=True)


def test_the_table_has_a_header_and_a_line_a_process() -> None:
    assert [line.plain for line in table([READY, STUCK, FROZEN, STOPPED])] == [
        "NAME      STATE         PID   PORT  UPTIME  RESTARTS  REASON",
        "postgres  ready      123456  18002   2h01m         0",
        "creator   not ready      42  18012   1m05s         3  12 messages wait",
        "tagger    frozen         42  18011   1m05s         0  held",
        "api       stopped         -      -       -         0",
    ]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([READY, READY], "All 2 processes are ready."),
        ([READY, READY, SCALED_AWAY], "All 2 processes are ready."),
        ([READY, STUCK], "1 of 2 processes is not ready: creator."),
        (
            [READY, STUCK, FROZEN, STOPPED],
            "3 of 4 processes are not ready: creator, tagger (frozen), api (stopped).",
        ),
        ([STOPPED, STOPPED], "The stack is down: `make up` starts it."),
        (
            [STOPPED, Condition(process("mongo", "stopped"), State.STOPPED, 1, "pid 7 outlived its supervisor")],
            "The supervisor is gone: `make up` starts anew.",
        ),
    ],
)
def test_what_it_comes_to(found: list[Condition], said: str) -> None:
    assert summary(found) == said


@pytest.mark.parametrize(
    ("condition", "well"), [(READY, True), (SCALED_AWAY, True), (STUCK, False), (FROZEN, False), (STOPPED, False)]
)
def test_well_is_ready_or_stopped_because_somebody_asked(condition: Condition, well: bool) -> None:
    assert condition.well == well


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (59, "59s"), (60, "1m00s"), (3_599, "59m59s"), (3_600, "1h00m"), (86_400, "1d00h"), (200_000, "2d07h")],
)
def test_a_time_is_shown_in_its_two_largest_units(seconds: int, shown: str) -> None:
    assert duration(seconds) == shown
