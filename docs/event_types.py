"""The public events as types of Python and TypeScript, for services that subscribe: examples/subscribers."""

import textwrap
import types
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Union, get_args, get_origin
from uuid import UUID

from libs.common.topics import Topic

_WRITTEN = "Written by `make reference` in Leadflow's repository. Times are ISO 8601, in UTC."

_PYTHON: dict[type, str] = {
    int: "int",
    str: "str",
    datetime: "str",
    UUID: "str",
    bool: "bool",
    types.NoneType: "None",
}
_TYPESCRIPT: dict[type, str] = {
    int: "number",
    str: "string",
    datetime: "string",
    UUID: "string",
    bool: "boolean",
    types.NoneType: "null",
}


def python_types(topics: Sequence[Topic[Any]]) -> str:
    """Return a module with a TypedDict for each public event, and the names of their topics."""
    public = [topic for topic in topics if topic.public]
    lines = [
        f'"""Leadflow\'s public events. {_WRITTEN}"""',
        "",
        f"from typing import {', '.join(_imported(public))}",
    ]
    for topic in public:
        lines += ["", "", f"class {topic.event.__name__}(TypedDict):", *_docstring(topic), ""]
        for name, field in topic.event.model_fields.items():
            kind = _type_of(field.annotation, _PYTHON, _python_literal)
            lines.append(f"    {name}: {kind if field.is_required() else f'NotRequired[{kind}]'}")
    lines += ["", ""]
    lines += [f'{_constant(topic)}: Final = "{topic.name}"' for topic in public]
    return "\n".join(lines) + "\n"


def typescript_types(topics: Sequence[Topic[Any]]) -> str:
    """Return a module with an interface for each public event, and which topic holds which."""
    public = [topic for topic in topics if topic.public]
    lines = [f"// Leadflow's public events. {_WRITTEN}"]
    for topic in public:
        said = textwrap.wrap(_said(topic), 110)
        lines += ["", "/**", *(f" * {line}" for line in said), " */", f"export interface {topic.event.__name__} {{"]
        for name, field in topic.event.model_fields.items():
            kind = _type_of(field.annotation, _TYPESCRIPT, _typescript_literal)
            lines.append(f"  {name}{'' if field.is_required() else '?'}: {kind};")
        lines.append("}")
    lines += ["", "export interface Topics {"]
    lines += [f'  "{topic.name}": {topic.event.__name__};' for topic in public]
    return "\n".join([*lines, "}"]) + "\n"


def _imported(topics: Sequence[Topic[Any]]) -> list[str]:
    fields = [field for topic in topics for field in topic.event.model_fields.values()]
    needed = {"Final", "TypedDict"}
    if any(_enums(field.annotation) for field in fields):
        needed.add("Literal")
    if any(not field.is_required() for field in fields):
        needed.add("NotRequired")
    return sorted(needed)


def _docstring(topic: Topic[Any]) -> list[str]:
    said = textwrap.wrap(_said(topic), 110)
    if len(said) == 1:
        return [f'    """{said[0]}"""']
    return [f'    """{said[0]}', *(f"    {line}" for line in said[1:]), '    """']


def _said(topic: Topic[Any]) -> str:
    return " ".join((topic.event.__doc__ or "").split()).replace("``", "`")


def _constant(topic: Topic[Any]) -> str:
    """``lead.import-finished.v1`` is LEAD_IMPORT_FINISHED_V1."""
    return topic.name.replace(".", "_").replace("-", "_").upper()


def _enums(annotation: Any) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, Enum)
    return any(_enums(each) for each in get_args(annotation))


def _type_of(annotation: Any, known: dict[type, str], literal: Callable[[type[Enum]], str]) -> str:
    if get_origin(annotation) is list:
        (each,) = (_type_of(each, known, literal) for each in get_args(annotation))
        return f"list[{each}]" if known is _PYTHON else f"Array<{each}>"
    if get_origin(annotation) in {Union, types.UnionType}:
        return " | ".join(_type_of(each, known, literal) for each in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return literal(annotation)
    return known[annotation]


def _python_literal(enum: type[Enum]) -> str:
    return f"Literal[{', '.join(_quoted(each.value) for each in enum)}]"


def _typescript_literal(enum: type[Enum]) -> str:
    return " | ".join(_quoted(each.value) for each in enum)


def _quoted(value: str) -> str:
    return f'"{value}"'
