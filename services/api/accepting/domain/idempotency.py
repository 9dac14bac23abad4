"""``Idempotency-Key``: the same request twice is answered once: pure."""

import hashlib
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from libs.common.web.refusals import Refused
from services.api.accepting.domain.request import ImportRequest

MAX_KEY = 255
_ALWAYS_SAID = ("name", "account_id", "source_id", "tag_ids", "on_invalid_row", "encoding")
"""In this order: a key that was kept before there were other options is answered after them, too."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A key of the caller's company, and what was sent with it."""

    company_id: int
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The 202 that a key was answered with."""

    fingerprint: str
    response: dict[str, Any]


def fingerprint(file_sha256: str, request: ImportRequest) -> str:
    """Return what two requests have in common exactly when file and ``data`` are the same."""
    said, fields = request.model_dump(mode="json"), ImportRequest.model_fields
    plain = {name: said.pop(name) for name in _ALWAYS_SAID}
    unsaid = {name: fields[name].get_default(call_default_factory=True) for name in said}
    plain |= {name: value for name, value in said.items() if value != unsaid[name]}
    return hashlib.sha256(f"{file_sha256}\n{to_json(plain).decode()}".encode()).hexdigest()


def answer_again(kept: KeptAnswer, key: IdempotencyKey) -> dict[str, Any]:
    """Return the first answer. Raises Refused when the key was used for something else."""
    if kept.fingerprint != key.fingerprint:
        raise Refused("idempotency_key_reused", "This Idempotency-Key was used with another file or other `data`.")
    return kept.response
