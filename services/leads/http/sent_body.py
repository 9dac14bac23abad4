"""The JSON that a call sends: bounded before it is kept, and each wrong field named by where it stands."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from libs.common.web.refusals import Detail, Refused, named, pointer_to

SECONDS = 20.0
"""How long a body may take."""
_MOST_ERRORS = 100
_ENOUGH_ERRORS = 2_000
"""More than anybody's body has who means well: a thousand ids, each of them wrong. Each that is asked for takes some
microseconds, during which nobody is answered, and who sends the public form has no token."""
_DEEPEST = 20
"""Steps of a pointer that are told."""
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
    except ClientDisconnect:
        raise _refused([Detail("json_invalid", "The body ends too early.", pointer="")], 1) from None
    body = _NUL.sub(rb"\1", received)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        count = error.error_count()
        if count > _ENOUGH_ERRORS:
            words = f"In more than {_ENOUGH_ERRORS} places it is not valid."
            raise _refused([Detail("too_long", words, pointer="")], count) from None
        found = error.errors(include_input=False, include_url=False, include_context=False)
    if found[0]["type"] == "json_invalid" and (halves := list(_half_characters(body))):
        # To the parser half a character is no JSON at all; where it stands it does not say.
        words = "Half a character stands here (a lone surrogate)."
        told = [Detail("string_unicode", words, pointer=pointer_to(*at)) for at in halves[:_MOST_ERRORS]]
        raise _refused(told, len(halves))
    told = [Detail(each["type"], each["msg"], pointer=pointer_to(*each["loc"])) for each in found[:_MOST_ERRORS]]
    raise _refused(told, len(found))


def _refused(told: list[Detail], total: int) -> Refused:
    names = named((each.pointer or "")[1:] or "the body" for each in told)
    return Refused("request_invalid", f"Not valid: {names}.", errors=told, total_errors=total)


def _half_characters(body: bytes) -> Iterator[tuple[str | int, ...]]:
    """Yield where a text or a name has half a character: a surrogate without its other one, which no UTF-8 has."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        return
    if _has_half(whole):
        yield ()
    unread: list[tuple[tuple[str | int, ...], Any]] = [((), whole)]
    while unread:
        at, value = unread.pop()
        members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for step, each in members:
            if _has_half(step) or _has_half(each):
                yield (*at, step)
            if isinstance(each, dict | list):
                # Of what stands deeper the place is told no further: a copy of all steps for each would be quadratic.
                unread.append(((*at, step) if len(at) < _DEEPEST else at, each))


def _has_half(value: object) -> bool:
    return isinstance(value, str) and _HALF.search(value) is not None


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
