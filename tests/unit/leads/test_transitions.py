"""How a lead moves through the pipeline."""

from itertools import product

import pytest

from libs.contracts.leads.events import LeadStatus
from services.leads.domain.transitions import STATUSES, Move, move, reachable

NEW, CONTACTED, QUALIFIED, PROPOSAL, WON, LOST = LeadStatus
WAYS = {
    NEW: [CONTACTED, QUALIFIED, PROPOSAL, WON, LOST],
    CONTACTED: [NEW, QUALIFIED, PROPOSAL, WON, LOST],
    QUALIFIED: [CONTACTED, PROPOSAL, WON, LOST],
    PROPOSAL: [QUALIFIED, WON, LOST],
    WON: [CONTACTED],
    LOST: [CONTACTED],
}


@pytest.mark.parametrize("old", STATUSES)
def test_a_lead_goes_forward_by_any_step_back_by_one_and_from_the_end_to_contacted(old: LeadStatus) -> None:
    assert reachable(old) == WAYS[old]


@pytest.mark.parametrize(("old", "new"), list(product(STATUSES, STATUSES)))
def test_every_wish_is_decided(old: LeadStatus, new: LeadStatus) -> None:
    expected = Move.NOWHERE if old == new else Move.ALLOWED if new in WAYS[old] else Move.REFUSED
    assert move(old, new) is expected
