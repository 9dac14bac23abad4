"""Requests by a service's own OpenAPI document, and the same with a character in one text that no store takes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any
Document = Mapping[str, Any]

NUL = "\0"
HALF = "\ud83d"
"""Half a character. In an address and in headers it comes as the bytes that it would have."""
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the document."""

    method: str
    path: str
    parameters: list[Mapping[str, Any]]
    schema: Mapping[str, Any] | None
    """Of its JSON, or of the part ``data``."""
    is_upload: bool

    @property
    def name(self) -> str:
        return f"{self.method.upper()} {self.path}"


@dataclass(frozen=True, slots=True)
class Examples:
    """Makes values of the document's schemas; ``known`` are those that mean something, by the name of their field."""

    document: Document
    known: Mapping[str, Json] = field(default_factory=dict)

    def of(self, schema: Mapping[str, Any], name: str = "") -> Json:  # noqa: PLR0911 - one for each form of a schema
        """Return a value of the schema, with all its fields."""
        schema = self.resolved(schema)
        if name in self.known:
            return self.known[name]
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][-1]
        if schema.get("default"):
            return schema["default"]
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = kind if isinstance(kind, str) else kind[0]
        if kind == "object":
            return {each: self.of(inner, each) for each, inner in self.fields(schema).items()}
        if kind == "array":
            return [self.of(schema["items"], name)]
        plain = {"integer": 1, "number": 1, "boolean": True, "null": None}
        return plain.get(
            kind, {"date": "2026-11-28", "date-time": "2026-11-28T12:00:00Z"}.get(schema.get("format", ""), "text")
        )

    def fields(self, schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """Return the schemas of an object's fields; of one whose names are the caller's own, those that are known."""
        more = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), False)
        own = dict.fromkeys(self.known.get("own fields", ()), more) if isinstance(more, dict) else {}
        return {**schema.get("properties", {}), **own}

    def bodies(self, schema: Mapping[str, Any]) -> Iterator[dict[str, Json]]:
        """Yield an object with each of its fields beside those that it must have: some exclude each other."""
        schema = self.resolved(schema)
        fields = self.fields(schema)
        needed = {name: self.of(fields[name], name) for name in schema.get("required", ())}
        for name in fields:
            yield needed | {name: self.of(fields[name], name)}

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a schema without references, of several the first that is not null."""
        while "$ref" in schema or "anyOf" in schema or "oneOf" in schema or "allOf" in schema:
            if "$ref" in schema:
                schema = self._at(schema["$ref"])
            else:
                of_several = schema.get("anyOf") or schema.get("oneOf") or schema["allOf"]
                # A text where there may be one: it is what is spoilt.
                schema = next(
                    (each for each in of_several if each.get("type") == "string"),
                    next(each for each in of_several if each.get("type") != "null"),
                )
        return schema

    def _at(self, reference: str) -> Mapping[str, Any]:
        found: Any = self.document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        schema: Mapping[str, Any] = found
        return schema


def calls_of(document: Document) -> list[Call]:
    """Return all calls of the document."""
    found = []
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                content = item[method].get("requestBody", {}).get("content", {})
                upload = content.get("multipart/form-data", {}).get("schema", {}).get("properties", {}).get("data")
                body = content.get("application/json", {}).get("schema")
                parameters = item[method].get("parameters", [])
                found.append(Call(method, path, parameters, upload or body, upload is not None))
    return found


def spoilt(value: Json, unwanted: str) -> Iterator[Json]:
    """Yield the value with the unwanted characters in one of its texts or names, each in its turn."""
    if isinstance(value, str):
        yield value[:1] + unwanted + value[1:]
    elif isinstance(value, list):
        for at, each in enumerate(value):
            for other in spoilt(each, unwanted):
                yield [*value[:at], other, *value[at + 1 :]]
    elif isinstance(value, dict):
        for name, each in value.items():
            for other in spoilt(each, unwanted):
                yield value | {name: other}
            yield {spelt + unwanted * (spelt == name): one for spelt, one in value.items()}
