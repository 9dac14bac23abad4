"""Whether what an upload refers to exists for its company: pure."""

from dataclasses import dataclass

from libs.common.web.refusals import Detail, Refused
from services.api.accepting.domain.request import ImportRequest, PreviewRequest

Reference = tuple[str, int]
"""What an upload refers to: (kind, id). Kinds are account, source, user and tag."""


@dataclass(frozen=True, slots=True)
class FoundReferences:
    """Which of the wanted references the database found, for the caller's company."""

    account: bool
    source: bool
    missing_tags: list[int]
    creator: bool


def wanted_references(request: ImportRequest, user_id: int) -> list[Reference]:
    """Return everything that must exist before the upload can be accepted."""
    tags = [("tag", tag_id) for tag_id in request.tag_ids]
    return [("account", request.account_id), ("source", request.source_id), ("user", user_id), *tags]


def check_references(found: FoundReferences, request: ImportRequest | PreviewRequest) -> None:
    """Raise Refused when something does not exist. What belongs to another company is refused in the same words."""
    if not found.account:
        raise Refused("account_not_found", f"There is no messaging account {request.account_id}.")
    if not found.creator:
        raise Refused("token_invalid", "The token's user is not one of the company.")
    if not found.source:
        raise Refused("source_not_found", f"There is no lead source {request.source_id}.")
    if found.missing_tags:
        details = [
            Detail("tags_not_found", f"There is no tag {tag_id}.", pointer="/tag_ids")
            for tag_id in sorted(found.missing_tags)
        ]
        raise Refused(
            "tags_not_found",
            "There is no tag " + ", ".join(str(tag_id) for tag_id in sorted(found.missing_tags)) + ".",
            errors=details,
            total_errors=len(details),
        )
