"""``make logs``: what a line of each process says, and whether it is shown beside all others."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.follow import what_is_followed
from deploy.local.log_lines import Line, matters, read_line, shown

SERVICE = {
    "import_id": 7,
    "status": "FINISHED",
    "event": "import ended",
    "service": "finalizer",
    "level": "info",
    "timestamp": "2026-03-01T12:30:05.123456Z",
}
MONGO = '{{"t":{{"$date":"2026-03-01T12:30:05.123+00:00"}},"s":"{level}","c":"CONTROL","msg":"It happened"{more}}}'
POSTGRES = "2026-03-01 12:30:05.123 UTC [77] {level}:  it happened"
GATEWAY = '{{"level":"{level}","ts":1772368205.123,"logger":"admin","msg":"{event}"}}'
KAFKA = "2026-03-01T12:30:05,123 {level} SomeClass: it happened"
SUPERVISOR = "2026-03-01 12:30:05,123 {level} {event}"
WHEN = datetime(2026, 3, 1, 12, 30, 5, 123_000, UTC)


def words(process: str, text: str) -> str:
    line = read_line(process, text)
    return shown(process, line, now=line.time or WHEN, width=10).plain


def test_a_service_s_line_is_time_service_level_event_fields() -> None:
    clock = WHEN.astimezone().strftime("%H:%M:%S.123")
    assert words("finalizer", json.dumps(SERVICE)) == (
        f"{clock} finalizer  info    import ended  import_id=7  status=FINISHED"
    )


def test_a_line_of_another_day_has_its_date() -> None:
    line = read_line("finalizer", json.dumps(SERVICE))
    assert line.time is not None
    tomorrow = line.time + timedelta(days=1)
    assert shown("finalizer", line, now=tomorrow, width=10).plain.startswith(f"{line.time:%m-%d %H:%M:%S}.123 ")


def test_values_are_told_apart_and_cannot_steer_a_terminal() -> None:
    text = json.dumps(SERVICE | {"event": "a\x1b[2Jb", "error": 'two words "quoted"', "at": ["a.py:1"], "to": "\x1b"})
    assert words("finalizer", text).endswith(
        r'a\x1b[2Jb  import_id=7  status=FINISHED  error="two words \"quoted\""  at=["a.py:1"]  to="\u001b"'
    )


@pytest.mark.parametrize(
    ("process", "text", "level", "event"),
    [
        ("mongo", MONGO.format(level="W", more=',"attr":{"port":1}'), "warning", "It happened"),
        ("postgres", POSTGRES.format(level="FATAL"), "fatal", "it happened"),
        ("kafka-2", KAFKA.format(level="ERROR"), "error", "SomeClass: it happened"),
        ("gateway", GATEWAY.format(level="warn", event="it happened"), "warning", "it happened"),
    ],
)
def test_a_server_s_line_is_read_by_its_own_form(process: str, text: str, level: str, event: str) -> None:
    line = read_line(process, text)
    assert (line.level, line.event) == (level, event)
    assert line.time is not None
    if process != "kafka-2":  # which writes this machine's time, without a zone
        assert line.time == WHEN


KILLED = "exited: creator (terminated by SIGKILL; not expected)"


@pytest.mark.parametrize(
    ("process", "text", "seen"),
    [
        ("creator", json.dumps(SERVICE), True),
        ("creator-12", "Traceback (most recent call last):", True),
        ("mongo", MONGO.format(level="I", more=""), False),
        ("mongo", MONGO.format(level="W", more=""), True),
        ("mongo", MONGO.format(level="W", more=',"tags":["startupWarnings"]'), False),
        ("mongo", "mongod: error while loading shared libraries", True),
        ("gateway", GATEWAY.format(level="warn", event="admin endpoint disabled"), False),
        ("gateway", GATEWAY.format(level="error", event="dial tcp: connection refused"), True),
        ("postgres", POSTGRES.format(level="LOG"), False),
        ("postgres", POSTGRES.format(level="ERROR"), True),
        ("kafka", KAFKA.format(level="WARN "), True),
        ("kafka", "2026-03-01T12:30:05,123 WARN  Quorum: [id=1] Performing controller activation.", False),
        ("kafka-3", "2026-03-01T12:30:05.1Z x WARN Unable to register Log4j shutdown hook because", False),
        ("supervisord", SUPERVISOR.format(level="INFO", event="spawned: 'api' with pid 1"), False),
        ("supervisord", SUPERVISOR.format(level="WARN", event="stopped: api (exit status 0)"), False),
        ("supervisord", SUPERVISOR.format(level="WARN", event=KILLED), True),
        (
            "supervisord",
            SUPERVISOR.format(
                level="CRIT", event="Server 'unix_http_server' running without any HTTP authentication checking"
            ),
            False,
        ),
    ],
)
def test_of_servers_only_what_went_wrong_is_shown_beside_the_services(process: str, text: str, seen: bool) -> None:
    assert matters(process, read_line(process, text)) == seen


@pytest.mark.parametrize(
    ("process", "text"),
    [
        ("kafka", "java.io.IOException: No space left"),
        ("kafka", "\tat java.base/Thread.run"),
        ("creator", '  File "x.py", line 1'),
        ("postgres", POSTGRES.format(level="STATEMENT")),
    ],
)
def test_what_belongs_to_the_line_before_goes_with_it(process: str, text: str) -> None:
    line = read_line(process, text)
    assert line.continues
    assert line.time is None


@pytest.mark.parametrize("text", ["", "null", "[1]", "{}", '{"event":', "�", "2026-03-01 nonsense"])
@pytest.mark.parametrize("process", ["api", "mongo", "postgres", "kafka", "supervisord"])
def test_a_line_of_no_form_is_shown_as_it_is(process: str, text: str) -> None:
    line = read_line(process, text)
    assert line == Line(event=text, continues=line.continues)
    assert shown(process, line, now=WHEN, width=10).plain.rstrip().endswith(text)


def test_the_beginning_says_what_is_followed_and_how_to_see_one() -> None:
    said = what_is_followed(None, ["postgres", "mongo", "api", "creator-2", "supervisord"], ".local/main/logs")
    assert said.startswith("Following api, creator-2, and what goes wrong in postgres, mongo, supervisord.")
    assert "make logs SERVICE=creator" in said
    assert "SERVICE=mongo" in said
    assert ".local/main/logs" in said
    assert what_is_followed("creator", ["creator", "creator-2"], "l") == (
        "Following all of l/creator.log, l/creator-2.log. Ctrl-C ends."
    )
