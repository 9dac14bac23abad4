"""``Idempotency-Key``: the same request twice is answered once: pure."""

import hashlib
from dataclasses import dataclass
from typing import Any

from libs.common.web.refusals import Refused
from services.api.accepting.domain.request import ImportRequest

MAX_KEY = 255
_LATER = ("columns", "mapping", "sheet", "delimiter", "corrections", "parent_id")


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
    # What a request did not say before there were these options has the same fingerprint as then.
    fields = ImportRequest.model_fields
    unsaid = {name for name in _LATER if getattr(request, name) == fields[name].get_default(call_default_factory=True)}
    return hashlib.sha256(f"{file_sha256}\n{request.model_dump_json(exclude=unsaid)}".encode()).hexdigest()


def answer_again(kept: KeptAnswer, key: IdempotencyKey) -> dict[str, Any]:
    """Return the first answer. Raises Refused when the key was used for something else."""
    if kept.fingerprint != key.fingerprint:
        raise Refused("idempotency_key_reused", "This Idempotency-Key was used with another file or other `data`.")
    return kept.response
