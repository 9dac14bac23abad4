"""What each user may do with the topics of the undo: exactly what its service does there."""

import pytest

from deploy.kafka_rights import rights
from deploy.processes import BY_NAME
from libs.contracts.lead_undo.registry import REGISTRY

UNDO = "lead.import-undo-requested.v1"
UNDONE = "lead.import-undone.v1"
DEAD = "lead.undo-dead-letter.v1"

MAY: dict[str, set[tuple[str, str, str]]] = {
    # undoer writes its event into the outbox, which the relays of these two empty.
    "api": {("topic", UNDO, "Write"), ("topic", UNDONE, "Write")},
    "finalizer": {("topic", UNDO, "Write"), ("topic", UNDONE, "Write")},
    "undoer": {
        ("topic", UNDO, "Read"),
        ("group", "undoer", "Read"),
        ("topic", UNDONE, "Write"),
        ("topic", DEAD, "Write"),
    },
}


@pytest.mark.parametrize("user", MAY)
def test_each_user_may_do_exactly_this_with_undos(user: str) -> None:
    given = rights([REGISTRY], [BY_NAME[name] for name in MAY])[user]
    found = {(right.resource, right.name, right.operation) for right in given}
    of_other_topics = {("group", group, "Read") for topic, group in BY_NAME[user].subscriptions if topic != UNDO}
    assert found - of_other_topics == MAY[user]
