"""How a lead moves through the pipeline: forward by any step, back by one; from its end back to ``contacted``."""

from enum import Enum, auto

from libs.contracts.leads.events import LeadStatus

STATUSES = tuple(LeadStatus)
CLOSED = frozenset({LeadStatus.CLOSED_WON, LeadStatus.CLOSED_LOST})
REOPENED = LeadStatus.CONTACTED
_END = STATUSES.index(LeadStatus.CLOSED_WON)


class Move(Enum):
    """What a wish for a status means."""

    NOWHERE = auto()
    """The lead stands there already: nothing is changed, and nothing said."""
    ALLOWED = auto()
    REFUSED = auto()


def move(old: LeadStatus, new: LeadStatus) -> Move:
    """Decide about a wish to move from ``old`` to ``new``."""
    if old == new:
        return Move.NOWHERE
    if old in CLOSED:
        return Move.ALLOWED if new == REOPENED else Move.REFUSED
    steps = _place(new) - _place(old)
    return Move.ALLOWED if steps >= -1 else Move.REFUSED


def reachable(old: LeadStatus) -> list[LeadStatus]:
    """Return where a lead may go from ``old``, in the order of the pipeline."""
    return [status for status in STATUSES if move(old, status) is Move.ALLOWED]


def _place(status: LeadStatus) -> int:
    return min(STATUSES.index(status), _END)  # won and lost are one place
