"""A request that is refused: pure. ``libs.common.web.problems`` answers it as problem+json."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of refusal: HTTP status, short title, and what the caller can do about it."""

    status: int
    title: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One entry of a problem's ``errors``: where, which rule, and words for people without the value itself."""

    code: str
    message: str
    row: int | None = None
    """Of a table that was sent: the number that its sender sees, so that the first row is 1."""
    column: str | None = None
    """A column of that table, or a field of the request."""


@dataclass(slots=True)
class Refused(Exception):
    """The request is refused: the caller must change it (or wait).

    ``code`` is stable, and a key of the table of problems that the service answers with.
    """

    code: str
    detail: str = ""
    """This case in words; the problem's title stands for it when it is empty."""
    errors: list[Detail] = field(default_factory=list)
    """The first of them; ``total_errors`` counts all."""
    total_errors: int = 0
    retry_after: int | None = None
    """Seconds."""
