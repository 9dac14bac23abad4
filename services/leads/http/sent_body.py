"""The JSON that a call sends: bounded before it is kept, and each wrong field named by where it stands."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from libs.common.web.refusals import Detail, Refused, named, pointer_to

SECONDS = 20.0
"""How long a body may take."""
_MOST_ERRORS = 100
_NUL = re.compile(rb"((?<!\\)(?:\\\\)*)\\u0000")
"""How JSON writes the character, after any number of backslashes that are such themselves. PostgreSQL takes no text
with it; so it is taken out of every text and name, as it is of the cells of a file."""
_HALF = re.compile("[\ud800-\udfff]")

BodyT = TypeVar("BodyT", bound=BaseModel)


async def read_body(request: Request, model: type[BodyT], *, most_bytes: int) -> BodyT:
    """Return what the caller sent, without NUL.

    Raises Refused: ``body_too_large``, ``body_too_slow``, ``request_invalid``.
    """
    received = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for piece in request.stream():
                received += piece
                if len(received) > most_bytes:
                    raise Refused("body_too_large", f"A body may have {most_bytes} bytes.")
    except TimeoutError:
        raise Refused("body_too_slow") from None
    body = _NUL.sub(rb"\1", received)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
    details = [Detail(code=each["type"], message=each["msg"], pointer=pointer_to(*each["loc"])) for each in found]
    if details[0].code == "json_invalid":
        # To the parser half a character is no JSON at all; where it stands it does not say.
        details = list(_half_characters(body)) or details
    names = named((each.pointer or "")[1:] or "the body" for each in details[:_MOST_ERRORS])
    raise Refused("request_invalid", f"Not valid: {names}.", errors=details[:_MOST_ERRORS], total_errors=len(details))


def _half_characters(body: bytes) -> Iterator[Detail]:
    """Yield where a text or a name has half a character: a surrogate without its other one, which no UTF-8 has."""
    try:
        unread: list[tuple[tuple[str | int, ...], Any]] = [((), json.loads(body))]
    except (ValueError, RecursionError):
        return
    while unread:
        at, value = unread.pop()
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        unread += [((*at, step), each) for step, each in inner]
        texts = [value, *map(str, at[-1:])] if isinstance(value, str) else [*map(str, at[-1:])]
        if any(map(_HALF.search, texts)):
            yield Detail("string_unicode", "Half a character stands here (a lone surrogate).", pointer=pointer_to(*at))


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return what the OpenAPI document says of a body that ``read_body`` reads."""
    schema = model.model_json_schema()
    content = {"application/json": {"schema": _without_refs(schema, schema.pop("$defs", {}))}}
    return {"requestBody": {"required": True, "content": content}}


def _without_refs(part: Any, definitions: dict[str, Any]) -> Any:
    """Return a part of a schema with what it refers to in place.

    Within the document ``#/$defs`` would be looked for at the document's root, where there is none.
    """
    if isinstance(part, list):
        return [_without_refs(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        named = definitions[part["$ref"].rpartition("/")[2]]
        part = named | {key: value for key, value in part.items() if key != "$ref"}
    return {key: _without_refs(value, definitions) for key, value in part.items()}
