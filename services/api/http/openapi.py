"""What FastAPI cannot derive of the OpenAPI document: the multipart body, files, events and the problem answers."""

from typing import Any

from libs.contracts.lead_import.topics import IMPORT_FINISHED
from services.api.accepting.domain.request import ImportRequest, PreviewRequest
from services.api.http.problems import PROBLEMS

PROBLEM: dict[str, Any] = {
    "description": "Why a request was refused (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "remedy"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; see docs/reference/errors.md."},
        "detail": {"type": "string", "description": "This case in words."},
        "remedy": {"type": "string", "description": "What the caller can do."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemEntry"}},
        "total_errors": {"type": "integer", "description": "All errors; `errors` holds the first 100."},
        "invalid_rows": {"type": "integer", "description": "Rows with an error, of `total_rows`."},
        "total_rows": {"type": "integer", "description": "Rows of the file."},
        "retry_after": {"type": "integer", "description": "Seconds, as in the header `Retry-After`."},
        "limits": {"type": "object", "description": "Of the quota: `rows` and `imports` within `seconds`."},
        "used": {"type": "object", "description": "What was used of the quota: `rows` and `imports`."},
        "request_id": {"type": "string", "description": "To be named when you ask us; also `X-Request-Id`."},
        "trace_id": {"type": "string", "description": "Of the request's trace; also `X-Trace-Id`."},
    },
    "examples": [
        {
            "type": "urn:leadflow:problem:invalid_rows",
            "title": "Some rows are not valid",
            "status": 422,
            "code": "invalid_rows",
            "detail": "1 of 3 rows are not valid.",
            "remedy": "Correct the rows listed in `errors`, or send `on_invalid_row: skip`.",
            "invalid_rows": 1,
            "total_rows": 3,
            "errors": [{"row": 3, "column": "name", "code": "name_missing", "message": "The name is empty."}],
            "total_errors": 1,
            "request_id": "5f0c1c62b0f94b7c8c1c2f7f5a0e8a11",
        }
    ],
}

PROBLEM_ENTRY: dict[str, Any] = {
    "description": "One error, and its place: in the file (`row`, `column`), in `data` (`pointer`), or of the request.",
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "row": {"type": "integer", "description": "As the spreadsheet shows it: the header is 1."},
        "column": {"type": ["string", "null"], "description": "A column of the file; null: the row as a whole."},
        "pointer": {"type": "string", "description": "A field of `data` (RFC 6901), such as `/tag_ids/0`."},
        "parameter": {"type": "string", "description": "A parameter or header of the request."},
        "code": {"type": "string"},
        "message": {"type": "string"},
    },
}

IMPORT_EVENT: dict[str, Any] = {
    "description": "One event of the stream.",
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"enum": ["progress", IMPORT_FINISHED.event_type]},
        "id": {"type": "string", "description": "To be sent as `Last-Event-ID` when the client connects again."},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "examples": [
        {
            "event": "progress",
            "id": "progress-1-2000",
            "data": '{"id":42,"status":"PROCESSING","total_rows":5000,"total_created":1990,"total_existing":10,'
            '"total_errors":0,"canceled":0,"progress":{"processed_rows":2000,"chunks":3,"chunks_settled":1,"percent":40.0},'
            '"reasons":{"in_file":4,"lead_exists":6},"parent_id":null,"child_ids":[],"rate":1250.0,"eta_seconds":3,'
            '"queue_position":null,"server_time":"2026-03-02T12:00:02Z"}',
        },
        {
            "event": IMPORT_FINISHED.event_type,
            "id": "finished-42-1",
            "data": '{"import_id":42,"company_id":7,"account_id":3,"source_id":2,"creator_id":11,"status":"FINISHED",'
            '"total_rows":5000,"total_created":4860,"total_existing":140,"total_errors":0,"failure_reason":null,'
            '"revision":1,"accepted_at":"2026-03-02T12:00:00Z","finished_at":"2026-03-02T12:00:04Z"}',
        },
    ],
}

COMPONENTS: dict[str, Any] = {
    "Problem": PROBLEM,
    "ProblemEntry": PROBLEM_ENTRY,
    "ImportEvent": IMPORT_EVENT,
    "ImportRequest": ImportRequest.model_json_schema(ref_template="#/components/schemas/{model}"),
    "PreviewRequest": PreviewRequest.model_json_schema(ref_template="#/components/schemas/{model}"),
}
"""Schemas that the document names once, so that programs made from it have one type for each."""

EVENT_SCHEMA: dict[str, Any] = {"$ref": "#/components/schemas/ImportEvent"}

_WORDS = {
    400: "Not multipart, or broken JSON",
    401: "No valid token",
    403: "No permission",
    404: "No such resource",
    405: "Method not allowed",
    408: "The upload took too long",
    409: "Name taken, still in progress, or ended",
    410: "No longer kept",
    413: "Too large",
    415: "Neither CSV nor Excel",
    422: "Not valid",
    429: "Quota used up, or too many streams",
    500: "Our fault",
    503: "Busy, or a store is away",
    507: "No room on the disk",
}

_PROBLEM_REFERENCES = "#/components/responses/Problem"
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    431: {"description": "The request's head has more than 64 KiB; answered without a body"}
}
PROBLEM_RESPONSES |= {
    status: {"description": words, "$ref": f"{_PROBLEM_REFERENCES}{status}"} for status, words in _WORDS.items()
}
RESPONSES: dict[str, Any] = {
    f"Problem{status}": {
        "description": words,
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    code: {"$ref": f"#/components/examples/{code}"}
                    for code, problem in PROBLEMS.items()
                    if problem.status == status
                },
            }
        },
    }
    for status, words in _WORDS.items()
}
"""What each call may answer that says no, written down once."""

_FACTS: dict[str, dict[str, Any]] = {
    "invalid_rows": {
        "invalid_rows": 1,
        "total_rows": 3,
        "errors": [{"row": 3, "column": "name", "code": "name_missing", "message": "The name is empty."}],
        "total_errors": 1,
    },
    "data_invalid": {
        "errors": [{"pointer": "/account_id", "code": "missing", "message": "Field required"}],
        "total_errors": 1,
    },
    "request_invalid": {
        "errors": [
            {"parameter": "limit", "code": "less_than_equal", "message": "Input should be less than or equal to 500"}
        ],
        "total_errors": 1,
    },
    "columns_missing": {"missing": ["phone"]},
    "quota_exceeded": {
        "limits": {"rows": 5000, "imports": 5, "seconds": 3600},
        "used": {"rows": 4800, "imports": 2},
        "retry_after": 1800,
    },
    "busy": {"retry_after": 2},
    "streams_too_many": {"retry_after": 5},
    "unavailable": {"retry_after": 5},
}
EXAMPLES: dict[str, Any] = {
    code: {
        "summary": problem.title,
        "value": {
            "type": f"urn:leadflow:problem:{code}",
            "title": problem.title,
            "status": problem.status,
            "code": code,
            "detail": problem.remedy,
            "remedy": problem.remedy,
            **_FACTS.get(code, {}),
            "request_id": "5f0c1c62b0f94b7c8c1c2f7f5a0e8a11",
        },
    }
    for code, problem in PROBLEMS.items()
}
"""An example of every refusal, by its code."""

_TEXT = {"schema": {"type": "string", "format": "binary"}}
ROWS_AS_FILES: dict[str, Any] = {
    "description": "A page of rows, or a file with all of them.",
    "content": {
        "text/csv": {**_TEXT, "example": "name;phone;cpf;email;tags\r\nAna;123;;;\r\n"},
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _TEXT,
    },
}


def _upload(data: str) -> dict[str, Any]:
    """Return the multipart body with a file and ``data`` of this schema."""
    return {
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
                            "data": {"$ref": f"#/components/schemas/{data}"},
                        },
                    },
                    "encoding": {"data": {"contentType": "application/json"}},
                }
            },
        }
    }


TEMPLATE_CSV: dict[str, Any] = {
    "description": "The template.",
    "content": {"text/csv": {**_TEXT, "example": "name;phone;cpf;email;tags\r\nJanaína;(11) 91234-5678;;;VIP\r\n"}},
}
TEMPLATE_XLSX: dict[str, Any] = {
    "description": "The template.",
    "content": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _TEXT},
}
UPLOAD_BODY = _upload("ImportRequest")
PREVIEW_BODY = _upload("PreviewRequest")
