"""What FastAPI cannot derive of the OpenAPI document: the multipart body and the problem answers."""

from typing import Any

from libs.contracts.lead_import.topics import IMPORT_FINISHED
from services.api.accepting.domain.request import ImportRequest

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; see docs/reference/errors.md."},
        "detail": {"type": "string"},
        "remedy": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "row": {
                        "type": "integer",
                        "description": "As the spreadsheet shows it: the header is 1.",
                    },
                    "column": {"type": "string"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
        "total_errors": {"type": "integer", "description": "`errors` holds the first 100."},
    },
}

EVENT_SCHEMA: dict[str, Any] = {
    "description": "One event of the stream.",
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"enum": ["progress", IMPORT_FINISHED.event_type]},
        "id": {"type": "string", "description": "To be sent as `Last-Event-ID` when the client connects again."},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}

_WORDS = {
    400: "Not multipart, or broken JSON",
    401: "No valid token",
    403: "No permission",
    404: "No such resource",
    405: "Method not allowed",
    408: "The upload took too long",
    409: "Name taken, or still in progress",
    413: "Too large",
    415: "Neither CSV nor Excel",
    422: "Not valid",
    429: "Quota used up",
    500: "Our fault",
    503: "Busy, or a store is away",
}

PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": {"application/problem+json": {"schema": PROBLEM_SCHEMA}}}
    for status, words in _WORDS.items()
}

UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "data"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "CSV or Excel with the columns name, phone, cpf, email, tags.",
                        },
                        "data": ImportRequest.model_json_schema(),
                    },
                },
                "encoding": {"data": {"contentType": "application/json"}},
            }
        },
    }
}
