"""Which leads of an undone import are kept, and why."""

import dataclasses
from typing import Any

import pytest

from libs.imports.chat_ids import chat_ids_of_rows, row_of_chat
from libs.imports.chats import CHAT_FIELDS
from services.creator.domain import chat_documents, chat_ids
from services.undoer.domain import KeptReason, LeadFacts, divide, why_kept
from tests.support.chunks import accepted, phones
from tests.support.imports import ACCEPTED_AT, tagged

UNTOUCHED = LeadFacts(1, "a", deleted=False, converted=False, linked=False, changed=False, tagged=False)


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        ("deleted", "lead_deleted"),
        ("converted", "lead_converted"),
        ("linked", "lead_linked"),
        ("changed", "lead_changed"),
        ("tagged", "chat_tagged"),
    ],
)
def test_whatever_somebody_did_to_a_lead_keeps_it(fact: str, reason: KeptReason) -> None:
    change: dict[str, Any] = {fact: True}
    assert why_kept(dataclasses.replace(UNTOUCHED, **change), chat_changed=False) == reason


def test_a_changed_chat_keeps_its_lead_and_what_nobody_touched_is_taken_back() -> None:
    other = dataclasses.replace(UNTOUCHED, lead_id=2, chat_id="b")
    taken, kept = divide([UNTOUCHED, other], {"b"})
    assert taken == {1: "a"}
    assert [(each.lead_id, each.reason) for each in kept] == [(2, "chat_changed")]


def test_a_chat_has_the_fields_by_which_an_untouched_one_is_known() -> None:
    """One field more in what the creator writes, and every chat would count as changed."""
    chunk = tagged(accepted(phones(1)))
    (chat,) = chat_documents(chunk, chat_ids(chunk), {chat_ids(chunk)[0]: 1}, now=ACCEPTED_AT, object_id=str)
    assert set(chat) == set(CHAT_FIELDS)
    assert chat["created_at"] == chat["updated_at"]


def test_chat_ids_hold_their_row_and_ascend_with_it() -> None:
    ids = chat_ids_of_rows(7, ACCEPTED_AT, [2, 9, 10, 255, 256, 70_000])
    assert ids == sorted(ids)
    assert [row_of_chat(chat_id) for chat_id in ids] == [2, 9, 10, 255, 256, 70_000]
    assert all(len(chat_id) == 24 for chat_id in ids)
