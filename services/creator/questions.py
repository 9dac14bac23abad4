"""What is asked of the WhatsApp provider next, and what its answers and failures mean: pure."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from http import HTTPStatus

from libs.contracts.lead_import.internal.messages import Outcome, Verdict

NOT_ON_WHATSAPP = Verdict(outcome=Outcome.ERROR, reason="not_on_whatsapp")
WHATSAPP_REFUSED = Verdict(outcome=Outcome.ERROR, reason="whatsapp_refused")
WHATSAPP_UNKNOWN = Verdict(outcome=Outcome.ERROR, reason="whatsapp_unknown")

PORTION = 100
"""Phones a portion. What one has asked is written down before the next begins."""
RETRY_SECONDS = 1.0
"""The pause before a phone's second try; it doubles with each try that follows."""

_SPREAD = 0x9E3779B1
"""Odd, so that multiplying by it scatters neighbours and meets every number once."""

_REFUSED_STATUSES = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
"""The provider calls the question about this phone wrong: it will say so again."""
_CREDENTIALS_STATUSES = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED})


class Said(StrEnum):
    """An answer of the provider about one phone. It is kept by these words."""

    PRESENT = "present"
    ABSENT = "absent"
    REFUSED = "refused"


class Kind(Enum):
    """Why a call brought no answer."""

    PHONES_FAULT = auto()
    """The provider failed at this call; its own fault when it fails at all of them."""
    PROVIDERS_FAULT = auto()
    """Nobody can be asked: the provider is away or does not take our credentials."""
    THROTTLED = auto()
    """The call was not heard: it came too early."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one call brought: an answer, or why there is none, in words that name no phone."""

    said: Said | None = None
    kind: Kind = Kind.PHONES_FAULT
    trouble: str = ""
    seconds: float | None = None
    """How long the provider wants us to wait, when it says so."""


@dataclass(frozen=True, slots=True)
class Question:
    """One phone (``+``, country code, number) of the row that the spreadsheet numbers so."""

    row: int
    phone: str
    failed_before: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a row's phone: the answer, and how often the provider was asked for it."""

    said: Said | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """What a portion changed of what is kept: an answer, and tries more, or fewer where none was made after all."""

    said: Said | None = None
    tries: int = 0


def reply_of(status: int, body: bytes, retry_after: str | None) -> Reply:
    """Return what an HTTP answer means. ``{"on_whatsapp": …}`` counts when it is JSON's true or false, nothing else."""
    seconds = float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
    trouble = f"the WhatsApp provider answered {status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.SERVICE_UNAVAILABLE and seconds is not None):
        return Reply(kind=Kind.THROTTLED, trouble=trouble, seconds=seconds)
    if status in _CREDENTIALS_STATUSES:
        return Reply(kind=Kind.PROVIDERS_FAULT, trouble=trouble)
    if status in _REFUSED_STATUSES:
        return Reply(said=Said.REFUSED)
    if status != HTTPStatus.OK:
        return Reply(trouble=trouble)
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    present = answer.get("on_whatsapp") if isinstance(answer, dict) else None
    if not isinstance(present, bool):
        return Reply(trouble="the WhatsApp provider answered neither yes nor no")
    return Reply(said=Said.PRESENT if present else Said.ABSENT)


def verdict_of(kept: Kept) -> Verdict | None:
    """Return what becomes of a row that needs no more asking; None: it may become a lead."""
    return {
        Said.PRESENT: None,
        Said.ABSENT: NOT_ON_WHATSAPP,
        Said.REFUSED: WHATSAPP_REFUSED,
        None: WHATSAPP_UNKNOWN,
    }[kept.said]


@dataclass(slots=True)
class Questions:
    """The rows of a chunk that the provider is asked about, each until it is answered or its tries are over."""

    kept: dict[int, Kept]
    attempts: int
    changes: dict[int, AnswerChange] = field(default_factory=dict)
    """What is not written down yet."""
    _due: dict[int, float] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[int], kept: Mapping[int, Kept], *, attempts: int) -> "Questions":
        return cls({row: kept.get(row, Kept()) for row in rows}, attempts)

    def open(self) -> list[int]:
        """Return the rows that are to be asked, those that were never asked first, and scattered.

        Neighbours have much in common. Were they asked one after the other, a provider that fails at all numbers of one
        town would look as if it were away.
        """
        waiting = [row for row, kept in self.kept.items() if kept.said is None and kept.tries < self.attempts]
        return sorted(waiting, key=lambda row: (self.kept[row].tries > 0, row * _SPREAD & 0xFFFFFFFF))

    def next_due(self) -> float:
        """Return when the first open row may be asked, by the clock of ``settle``."""
        return min((self._due.get(row, 0.0) for row in self.open()), default=0.0)

    def portion(self, now: float) -> list[int]:
        """Return what to ask next: rows whose pause is over, half of them at most such as failed before."""
        due = [row for row in self.open() if self._due.get(row, 0.0) <= now]
        failed = [row for row in due if self.kept[row].tries][: PORTION // 2]
        return [row for row in due if not self.kept[row].tries][: PORTION - len(failed)] + failed

    def control(self) -> list[int]:
        """Return a row that was answered and may be asked once more, the one that was asked least; or none.

        Where the provider answered nobody, this tells whether it fails at those phones or at everybody.
        """
        answered = [row for row, kept in self.kept.items() if kept.said is not None and kept.tries < self.attempts]
        return sorted(answered, key=lambda row: self.kept[row].tries)[:1]

    def reserve(self, portion: Collection[int]) -> dict[int, AnswerChange]:
        """Return what to write before the portion is asked: its tries, and what became known since the last time.

        Tries are written before they are made: a process that dies meanwhile must not have the phones asked once more
        than they may.
        """
        changes, self.changes = self.changes, {}
        for row in portion:
            before = changes.get(row, AnswerChange())
            changes[row] = AnswerChange(before.said, before.tries + 1)
        return changes

    def unwritten(self) -> dict[int, AnswerChange]:
        """Return what became known since the last time."""
        return self.reserve(())

    def learn(self, kept: Mapping[int, Kept]) -> None:
        """Take over what is written now: another process may have asked meanwhile."""
        for row, what in kept.items():
            self.kept[row] = what

    def settle(
        self, portion: Collection[int], said: Mapping[int, Said], failed: Collection[int], *, now: float
    ) -> None:
        """Note what came of a portion: answers, and failures that count. All the others were not asked after all."""
        for row in portion:
            before = self.kept[row]
            if row in said:
                self.kept[row] = Kept(before.said or said[row], before.tries)
                self.changes[row] = AnswerChange(said[row])
            elif row in failed:
                self._due[row] = now + RETRY_SECONDS * 2 ** (before.tries - 1)
            else:
                self.kept[row] = Kept(before.said, before.tries - 1)
                self.changes[row] = AnswerChange(tries=-1)
