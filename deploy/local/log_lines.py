"""What a line of a process' log says: services write JSON, each server its own form. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from deploy.local.process_names import DOORS, GATEWAY, service_of
from deploy.processes import SERVERS

SUPERVISOR = "supervisord"
QUIET = (*SERVERS, *DOORS, SUPERVISOR)
"""Whose chatter is shown when asked for alone; beside the services only what went wrong."""

_WRONG = frozenset({"warning", "error", "fatal"})

_COLOURS = {"warning": "yellow", "error": "bold red", "fatal": "bold red"}

_POSTGRES = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC \[\d+\] ([A-Z]+\d?):  (.*)")
_KAFKA = re.compile(r"\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d,\d{3})\]? +(TRACE|DEBUG|INFO|WARN|ERROR|FATAL) +(.*)")
_SUPERVISOR = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) ([A-Z]{4}) (.*)")

_LEVELS = {
    # MongoDB
    "F": "fatal",
    "E": "error",
    "W": "warning",
    "I": "info",
    # PostgreSQL
    "PANIC": "fatal",
    "FATAL": "fatal",
    "ERROR": "error",
    "WARNING": "warning",
    "NOTICE": "info",
    "LOG": "info",
    # Caddy
    "warn": "warning",
    # Kafka, supervisord
    "WARN": "warning",
    "INFO": "info",
    "CRIT": "fatal",
    "ERRO": "error",
    "critical": "fatal",
}

_MORE_OF_IT = ("DETAIL", "HINT", "QUERY", "CONTEXT", "STATEMENT", "LOCATION")
"""PostgreSQL's further lines of the message before."""

_USUAL = {
    "kafka": (
        "Performing controller activation",  # each start
        "Unable to register Log4j shutdown hook",  # a stop
    ),
    GATEWAY: (
        "admin endpoint disabled",  # as it shall be
        "aborting with incomplete response",  # somebody has left a stream of events
    ),
    SUPERVISOR: (
        "running without any HTTP authentication checking",  # its socket is its owner's alone
        "stopped: ",  # because somebody asked
        "received SIGTERM",
    ),
}
"""Warnings of a healthy start or stop."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line. Without a time it belongs to the line before, when ``continues``."""

    event: str
    time: datetime | None = None
    level: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)
    usual: bool = False
    """A warning that every healthy start or stop writes."""
    continues: bool = False


def read_line(process: str, text: str) -> Line:
    """Read a line by the form of its process; one of no form is shown as it is."""
    service = service_of(process)
    read = _READERS.get(service, _read_service)
    return read(text) or Line(event=text, continues=service == "kafka" or text[:1] in ("", " ", "\t"))


def matters(process: str, line: Line) -> bool:
    """Tell whether a line is shown beside those of all other processes."""
    return service_of(process) not in QUIET or not line.level or (line.level in _WRONG and not line.usual)


def _read_service(text: str) -> Line | None:
    found = _json_object(text)
    if found is None or "event" not in found:
        return None
    level = str(found.pop("level", ""))
    time = _time(str(found.pop("timestamp", "")))
    found.pop("service", None)
    return Line(event=str(found.pop("event")), time=time, level=_LEVELS.get(level, level), fields=found)


def _read_gateway(text: str) -> Line | None:
    found = _json_object(text)
    if found is None or "msg" not in found:
        return None
    event, level, seconds = str(found.pop("msg")), str(found.pop("level", "")), float(found.pop("ts", 0))
    usual = event.startswith(_USUAL[GATEWAY])
    time = datetime.fromtimestamp(seconds, UTC).astimezone()
    return Line(event=event, time=time, level=_LEVELS.get(level, level), fields=found, usual=usual)


def _read_mongo(text: str) -> Line | None:
    found = _json_object(text)
    if found is None or "msg" not in found:
        return None
    return Line(
        event=str(found["msg"]),
        time=_time(str(found.get("t", {}).get("$date", ""))),
        level=_LEVELS.get(str(found.get("s")), "debug"),
        fields={"component": found.get("c"), **found.get("attr", {})},
        usual="startupWarnings" in found.get("tags", ()),
    )


def _read_postgres(text: str) -> Line | None:
    found = _POSTGRES.fullmatch(text)
    if not found:
        return None
    time, level, event = found.groups()
    if level in _MORE_OF_IT:
        return Line(event=f"{level}: {event}", continues=True)
    return Line(event=event, time=_time(f"{time}+00:00"), level=_LEVELS.get(level, "debug"))


def _read_kafka(text: str) -> Line | None:
    return _read_matched(_KAFKA, "kafka", text)


def _read_supervisor(text: str) -> Line | None:
    return _read_matched(_SUPERVISOR, SUPERVISOR, text)


def _read_matched(form: re.Pattern[str], service: str, text: str) -> Line | None:
    usual = any(words in text for words in _USUAL[service])
    found = form.fullmatch(text)
    if not found:
        return Line(event=text, level="warning", usual=True) if usual else None
    time, level, event = found.groups()
    return Line(event=event, time=_time(time), level=_LEVELS.get(level, level.lower()), usual=usual)


_READERS: dict[str, Callable[[str], Line | None]] = {
    GATEWAY: _read_gateway,
    "postgres": _read_postgres,
    "mongo": _read_mongo,
    "kafka": _read_kafka,
    SUPERVISOR: _read_supervisor,
}


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _time(text: str) -> datetime | None:
    """Read a time; one without a zone is this machine's, as Kafka and supervisord write it."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        return None


def shown(process: str, line: Line, *, now: datetime, width: int) -> Text:
    """Return a line for people: time, process (``width`` wide), level, event, fields."""
    if line.time is None:
        clock = ""
    else:
        day = "" if line.time.date() == now.date() else f"{line.time:%m-%d} "
        clock = f"{day}{line.time:%H:%M:%S}.{line.time.microsecond // 1000:03}"
    colour = _COLOURS.get(line.level, "")
    return Text.assemble(
        (f"{clock:<12} ", "dim"),
        (f"{process:<{width}} ", "cyan"),
        (f"{line.level:<7} ", colour or "dim"),
        (_printable(line.event), colour),
        *(part for name, value in line.fields.items() for part in ((f"  {name}=", "dim"), _value(value))),
    )


def _value(value: object) -> str:
    if isinstance(value, str):
        return value if value.isprintable() and not re.search(r'[\s"=]', value) and value else json.dumps(value)
    return json.dumps(value, ensure_ascii=True, default=str)


def _printable(text: str) -> str:
    """Return text that cannot steer a terminal."""
    return "".join(
        letter if letter.isprintable() else " " if letter == "\t" else ascii(letter)[1:-1] for letter in text
    )
