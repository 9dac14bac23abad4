"""A request that is refused: pure. ``libs.common.web.problems`` answers it as problem+json."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST_NAME = 255
"""Characters that are told of a name that a caller wrote, and has in hand: it may have as many as the request."""
MOST_NAMES = 20
"""Of such names that a sentence tells."""
_MOST_STEPS = 20
_LONGEST_SENTENCE_NAME = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of refusal: HTTP status, short title, and what the caller can do about it."""

    status: int
    title: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Translation:
    """What a service's refusals say in another language than its own."""

    problems: Mapping[str, Problem]
    messages: Mapping[str, str]
    """Of a problem's ``errors``, by code."""
    details: Mapping[str, str]
    """What is said of the case, by the sentences of the service's own language (``in_other_words``)."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One entry of a problem's ``errors``: where, which rule, and words for people without the value itself."""

    code: str
    message: str
    row: int | None = None
    """Of a table that was sent: the number that its sender sees, so that the first row is 1."""
    column: str | None = None
    """A column of that table."""
    pointer: str | None = None
    """A field of the JSON that was sent, as RFC 6901 points to it: ``/shelves/0``."""
    parameter: str | None = None
    """A parameter or header of the request."""


def pointer_to(*steps: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a field within fields.

    Long names in it, and what stands deeper than any field of ours, are cut: every error within would repeat them.
    """
    cut = (shown(str(step)) for step in steps[:_MOST_STEPS])
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in cut)


def shown(name: str, most: int = LONGEST_NAME) -> str:
    """Return what is told of a name that a caller wrote."""
    return name if len(name) <= most else f"{name[:most]}…"


def named(names: Iterable[str]) -> str:
    """Return the names in order and once, for a sentence in any language; of many the first, and how many more."""
    found = sorted(set(names))
    told = ", ".join(shown(name, _LONGEST_SENTENCE_NAME) for name in found[:MOST_NAMES])
    return told if len(found) <= MOST_NAMES else f"{told}… (+{len(found) - MOST_NAMES})"


@dataclass(slots=True)
class Refused(Exception):
    """The request is refused: the caller must change it (or wait).

    ``code`` is stable, and a key of the table of problems that the service answers with.
    """

    code: str
    detail: str = ""
    """This case in words; when it is empty, what the caller can do stands for it."""
    errors: list[Detail] = field(default_factory=list)
    """The first of them; ``total_errors`` counts all."""
    total_errors: int = 0
    retry_after: int | None = None
    """Seconds."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What a program may want to know of this case, as members of the problem: plain JSON values by name."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the answer, beside those that every refusal has."""
