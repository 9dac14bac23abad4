"""May a topic's schema change so within its version? Decided here, on JSON Schemas alone.

While a change is rolled out, readers that still run the old model read messages of the new one; and readers that were
updated first read old messages, those in flight and those that a repair sends again. So each schema must read what
the other writes. What remains is to add fields that may be missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Schema = Mapping[str, Any]
Seen = frozenset[tuple[str, str]]

SAID = frozenset(["$comment", "$defs", "$id", "$schema", "default", "deprecated", "description", "examples", "title"])
"""Keywords that explain a value, and refuse none."""

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_COMPARED = SAID | {*_LOWER, *_UPPER, "type", "enum", "items", "properties", "required", "additionalProperties"}
_NAMED = frozenset(["properties", "$defs", "patternProperties"])
"""Keywords whose keys are names of the model, not keywords."""

_KINDS = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


class Reader(StrEnum):
    """Who cannot read what."""

    NOT_UPDATED = "while not updated, in new messages"
    UPDATED = "once updated, in messages that are in flight"


@dataclass(frozen=True, slots=True, order=True)
class Break:
    """One thing that some reader cannot read. ``path`` is a JSONPath, from the message's top."""

    path: str
    what: str
    reader: Reader


def breaks(old: Schema, new: Schema) -> list[Break]:
    """Return what of the change from ``old`` to ``new`` breaks readers; nothing when the version may stay."""
    not_updated = _Comparison(reader=old, writer=new, reader_is_old=True)
    updated = _Comparison(reader=new, writer=old, reader_is_old=False)
    found = {Break(path, what, Reader.NOT_UPDATED) for path, what in not_updated.refused()}
    return sorted(found | {Break(path, what, Reader.UPDATED) for path, what in updated.refused()})


def bare(schema: Any) -> Any:
    """Return what a schema demands, without what it says for people: prose and order promise nothing."""
    if isinstance(schema, Mapping):
        return {name: _bare_of(name, value) for name, value in schema.items() if name not in SAID or name == "$defs"}
    return [bare(each) for each in schema] if isinstance(schema, list) else schema


def _bare_of(keyword: str, held: Any) -> Any:
    if keyword in _NAMED:
        return {name: bare(value) for name, value in held.items()}
    return sorted(held, key=repr) if keyword in {"required", "enum"} else bare(held)


Refusal = tuple[str, str]
"""Where, and what of the written the reader does not take."""


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Does the one schema read all that the other may write?

    A keyword that is not known here counts as a break as soon as it differs: better a new version too many.
    """

    reader: Schema
    writer: Schema
    reader_is_old: bool
    """It also misses fields that it could do without: it would lose what it reads there today."""

    def refused(self) -> list[Refusal]:
        return self._value("$", self.reader, self.writer, frozenset())

    def _value(self, path: str, reader: Any, writer: Any, seen: Seen) -> list[Refusal]:
        pair = (repr(reader), repr(writer))
        if pair in seen:
            # A model that holds itself: what is to be said of it is said above.
            return []
        seen |= {pair}
        taken = list(_alternatives(reader, self.reader))
        return [
            refusal
            for written in _alternatives(writer, self.writer)
            for refusal in self._alternative(path, taken, written, seen)
        ]

    def _alternative(self, path: str, taken: Sequence[Schema], written: Schema, seen: Seen) -> list[Refusal]:
        tried = [self._of_one_kind(path, each, written, seen) for each in taken if _takes(_kind(each), _kind(written))]
        if not tried:
            kinds = " or ".join(sorted({_kind(each) or "anything" for each in taken})) or "nothing"
            return [(path, f"may be {_kind(written) or 'anything'}, where {kinds} is read")]
        return min(tried, key=len)

    def _of_one_kind(self, path: str, taken: Schema, written: Schema, seen: Seen) -> list[Refusal]:
        return [
            *((path, what) for what in _unread_values(taken, written)),
            *((path, what) for what in _unread_bounds(taken, written)),
            *((path, what) for what in _unread_rest(taken, written)),
            *(self._fields(path, taken, written, seen) if _kind(taken) == "object" else ()),
            *(
                self._value(f"{path}[*]", taken.get("items", {}), written.get("items", {}), seen)
                if _kind(taken) == "array"
                else ()
            ),
        ]

    def _fields(self, path: str, taken: Schema, written: Schema, seen: Seen) -> Iterator[Refusal]:
        known, there = taken.get("properties", {}), written.get("properties", {})
        needed, sure = set(taken.get("required", ())), set(written.get("required", ()))
        for name in sorted(known.keys() | needed):
            if name not in there and self.reader_is_old:
                yield f"{path}.{name}", "is no longer there"
            elif name not in there and name in needed:
                yield f"{path}.{name}", "was never there, and is required"
            elif name in needed - sure:
                yield f"{path}.{name}", "may be missing, and is required"
            if name in there:
                yield from self._value(f"{path}.{name}", known.get(name, {}), there[name], seen)
        others = taken.get("additionalProperties", True)
        for name in sorted(there.keys() - known.keys()):
            yield from self._value(f"{path}.{name}", others, there[name], seen)
        yield from self._value(f"{path}.*", others, written.get("additionalProperties", True), seen)


def _alternatives(schema: Any, root: Schema) -> Iterator[Schema]:
    """Yield the schemas of which a value must meet one, each of a single type or of any; none when none is allowed."""
    simpler = _simpler(schema, root)
    if simpler is None:
        yield schema
    else:
        for each in simpler:
            yield from _alternatives(each, root)


def _simpler(schema: Any, root: Schema) -> list[Schema] | None:
    """Return what a schema says in other words, nearer to one type; None when it is there."""
    if isinstance(schema, bool):
        return [{}] if schema else []
    for keyword in ("anyOf", "oneOf", "$ref", "const"):
        if keyword in schema:
            beside = {name: held for name, held in schema.items() if name != keyword}
            return [{**each, **beside} for each in _meant(keyword, schema[keyword], root)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": each} for each in schema["type"]]
    if "enum" in schema and "type" not in schema:
        by_kind = {kind: [value for value in schema["enum"] if _KINDS[type(value)] == kind] for kind in _KINDS.values()}
        return [{**schema, "type": kind, "enum": values} for kind, values in by_kind.items() if values]
    return None


def _meant(keyword: str, held: Any, root: Schema) -> list[Schema]:
    if keyword == "$ref":
        target: Any = root
        for step in held.removeprefix("#/").split("/"):
            target = target[step]
        return [target]
    return [{"enum": [held]}] if keyword == "const" else list(held)


def _kind(schema: Schema) -> str | None:
    found: str | None = schema.get("type")
    return found


def _takes(reader: str | None, writer: str | None) -> bool:
    return reader in {None, writer} or (reader, writer) == ("number", "integer")


def _unread_values(taken: Schema, written: Schema) -> Iterator[str]:
    if "enum" not in taken:
        return
    if "enum" not in written:
        yield "may be any value, where a few are read"
    for value in written.get("enum", ()):
        if value not in taken["enum"]:
            yield f"may be {value!r}, which is not read"


def _unread_bounds(taken: Schema, written: Schema) -> Iterator[str]:
    for name in (*_LOWER, *_UPPER):
        if name not in taken:
            continue
        bound = taken[name]
        kept = written.get(name)
        if kept is None or (kept < bound if name in _LOWER else kept > bound):
            yield f"has {_said(name, kept)}, where {_said(name, bound)} is read"


def _unread_rest(taken: Schema, written: Schema) -> Iterator[str]:
    for name in sorted(taken.keys() - _COMPARED):
        if not name.startswith("x-") and written.get(name) != taken[name]:
            yield f"has {_said(name, written.get(name))}, where {_said(name, taken[name])} is read"


def _said(name: str, value: Any) -> str:
    return f"no {name}" if value is None else f"{name} {value}"
