"""The JSON that a call sends: bounded before it is kept, and each wrong field named by where it stands."""

import asyncio
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from libs.common.web.refusals import Detail, Refused, pointer_to

SECONDS = 20.0
"""How long a body may take."""
_MOST_ERRORS = 100

BodyT = TypeVar("BodyT", bound=BaseModel)


async def read_body(request: Request, model: type[BodyT], *, most_bytes: int) -> BodyT:
    """Return what the caller sent. Raises Refused: ``body_too_large``, ``body_too_slow``, ``request_invalid``."""
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > most_bytes:
                    raise Refused("body_too_large", f"A body may have {most_bytes} bytes.")
    except TimeoutError:
        raise Refused("body_too_slow") from None
    try:
        return model.model_validate_json(bytes(body))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
    details = [
        Detail(code=each["type"], message=each["msg"], pointer=pointer_to(*each["loc"]))
        for each in found[:_MOST_ERRORS]
    ]
    names = ", ".join(sorted({(each.pointer or "")[1:] or "the body" for each in details}))
    raise Refused("request_invalid", f"Not valid: {names}.", errors=details, total_errors=len(found))


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
