"""The tables of ``docs/reference/settings.md``, from the classes that the services read their environment with."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any, Literal, cast, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from bench.shipped import PREFIX, settings_by_service

COMMAND = "the command `leadflow`"
"""What the room ``operator`` is to its users."""

_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def settings_tables() -> str:
    """Return a table of the classes' readers, and a section with a table for each class."""
    classes = _classes()
    sections = [_section(each, readers) for each, readers in classes.items()]
    return "\n\n".join([_overview(classes), *sections])


def plain(docstring: str | None) -> str:
    """Return a docstring as one line of Markdown that fits a cell of a table."""
    words = " ".join((docstring or "").split())
    return words.replace("``", "`").replace("|", "\\|")


def docstrings_of(settings: type[Any]) -> dict[str, str]:
    """Return what stands below each field in the class's own body."""
    body = cast("ast.ClassDef", ast.parse(textwrap.dedent(inspect.getsource(settings))).body[0])
    found: dict[str, str] = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            found[field.target.id] = str(below.value.value)
    return found


def _classes() -> dict[type[BaseSettings], list[str]]:
    """Return the classes that declare fields, each with the services that read it: own ones first."""
    readers: dict[type[BaseSettings], list[str]] = {}
    for service, settings in settings_by_service().items():
        for declaring in settings.__mro__:
            if issubclass(declaring, BaseSettings) and _own_fields(declaring):
                readers.setdefault(declaring, []).append(service)
    return dict(sorted(readers.items(), key=lambda pair: (len(pair[1]), _title(*pair).casefold())))


def _own_fields(settings: type[BaseSettings]) -> list[str]:
    return [name for name in inspect.get_annotations(settings) if name in settings.model_fields]


def _title(settings: type[BaseSettings], readers: list[str]) -> str:
    """Name a class as readers know it: a service's own by the service, a shared one by what it is about."""
    about = settings.__name__.removesuffix("Settings")
    if not about:
        return readers[0]
    return {"Auth": "Tokens", "Service": "Every service", "Mongo": "MongoDB", "Postgres": "PostgreSQL"}.get(
        about, about
    )


def _section(settings: type[BaseSettings], readers: list[str]) -> str:
    rows = [_row(settings, name) for name in _own_fields(settings)]
    said = plain(inspect.getdoc(settings))
    return "\n".join(
        [
            f"## {_title(settings, readers)}",
            "",
            f"{said} Read by {', '.join(map(_reader, readers))}.",
            "",
            "| variable | default | allowed | what it is |",
            "| --- | --- | --- | --- |",
            *rows,
        ]
    )


def _row(settings: type[BaseSettings], name: str) -> str:
    field = settings.model_fields[name]
    said = plain(docstrings_of(settings).get(name))
    return f"| `{PREFIX}{name.upper()}` | {_default(field)} | {_allowed(field)} | {said} |"


def _default(field: FieldInfo) -> str:
    default = field.get_default()
    if default is None:
        return "—"
    return "(see above)" if "Secret" in type(default).__name__ else f"`{default}`"


def _allowed(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(field.annotation))
    return ", ".join(_bounds(field))


def _bounds(field: FieldInfo) -> Iterator[str]:
    for bound in field.metadata:
        for name, sign in _SIGNS.items():
            if hasattr(bound, name):
                yield f"{sign} {getattr(bound, name):,}"


def _reader(service: str) -> str:
    return COMMAND if service == "operator" else f"`{service}`"


def _overview(classes: dict[type[BaseSettings], list[str]]) -> str:
    """Say of each service which sections hold its settings."""
    lines = ["| read by | sections |", "| --- | --- |"]
    for service in settings_by_service():
        titles = [_title(each, readers) for each, readers in classes.items() if service in readers]
        links = ", ".join(f"[{title}](#{anchor(title)})" for title in titles)
        lines.append(f"| {_reader(service)} | {links} |")
    return "\n".join(lines)


def anchor(heading: str) -> str:
    """Return the fragment that GitHub gives a heading: letters, digits, `_` and `-`, small, blanks as `-`."""
    return re.sub(r"[^\w\- ]", "", heading.lower().strip()).replace(" ", "-")
