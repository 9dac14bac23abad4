"""Chat ids follow from import and row; the last message accounts for every row, whatever became of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.lead_import.internal.messages import ChunkTagged, Outcome, Verdict
from services.creator.domain import (
    CHAT_EXISTS,
    LEAD_EXISTS,
    chat_documents,
    chat_ids,
    chat_tag_columns,
    created_chunk,
    rows_to_insert,
)
from services.creator.questions import NOT_ON_WHATSAPP
from tests.support.chunks import accepted, phones, settled_row
from tests.support.imports import tagged
from tests.support.stack import ROOT

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EXAMPLES = ROOT / "libs" / "contracts" / "lead_import" / "examples"


def chunk_of(count: int, **changes: Any) -> ChunkTagged:
    return tagged(accepted(phones(count), settled=[settled_row(90)])).model_copy(update=changes)


def test_chat_ids_are_object_ids_that_mongodb_takes() -> None:
    for chat_id in chat_ids(chunk_of(3)):
        assert str(ObjectId(chat_id)) == chat_id


def test_a_replay_has_the_same_chat_ids() -> None:
    chunk = chunk_of(3)
    assert chat_ids(ChunkTagged.model_validate_json(chunk.model_dump_json())) == chat_ids(chunk)


def test_a_deploy_does_not_change_the_chat_ids_by_which_a_replay_knows_its_own() -> None:
    content = json.loads((EXAMPLES / "lead.import-chunk-tagged.v1.json").read_bytes())
    created = json.loads((EXAMPLES / "lead.import-chunk-created.v1.json").read_bytes())
    ids = dict(zip(content["live"]["row"], chat_ids(ChunkTagged.model_validate(content)), strict=True))
    assert [ids[row] for row in created["live"]["row"]] == created["live"]["chat_id"]


def test_chat_ids_do_not_depend_on_which_rows_are_still_live() -> None:
    chunk = chunk_of(4)
    fewer = chunk.model_copy(update={"live": chunk.live.take([1, 3])})
    assert chat_ids(fewer) == [chat_ids(chunk)[1], chat_ids(chunk)[3]]


@given(st.sets(st.tuples(st.integers(1, 2**31 - 1), st.integers(2, 2**32 - 1)), max_size=20))
def test_no_two_rows_of_any_imports_share_a_chat_id(places: set[tuple[int, int]]) -> None:
    base = chunk_of(1)
    ids = set()
    for import_id, row in places:
        live = base.live.model_copy(update={"row": [row]})
        ids.update(chat_ids(base.model_copy(update={"import_id": import_id, "live": live})))
    assert len(ids) == len(places)


def test_imports_of_the_same_second_have_different_chat_ids() -> None:
    one, other = chunk_of(3, import_id=7), chunk_of(3, import_id=8)
    assert not set(chat_ids(one)) & set(chat_ids(other))


def test_chat_ids_ascend_in_time() -> None:
    chunk = chunk_of(2)
    later = chunk.model_copy(update={"accepted_at": chunk.accepted_at + timedelta(seconds=1), "import_id": 1})
    assert chat_ids(chunk) < chat_ids(later)


def test_a_row_with_a_lead_is_created_whatever_was_decided_before() -> None:
    """The customer opened a chat after our lead was made: the replay still says created."""
    chunk = chunk_of(2)
    ids = chat_ids(chunk)
    done = created_chunk(chunk, ids, {ids[0]: 11, ids[1]: 12}, {0: CHAT_EXISTS})
    assert (done.live.row, done.live.lead_id, done.live.chat_id) == ([2, 3], [11, 12], ids)
    assert done.settled == chunk.settled


def test_a_row_with_neither_lead_nor_verdict_lost_the_race_for_its_phone() -> None:
    chunk = chunk_of(1)
    (lost,) = created_chunk(chunk, chat_ids(chunk), {}, {}).settled[1:]
    assert (lost.outcome, lost.reason, lost.cells) == (Outcome.EXISTING, "lead_exists", chunk.live.original_cells(0))


@given(st.data())
def test_the_last_message_accounts_for_every_row(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 8))
    chunk = chunk_of(count)
    ids = chat_ids(chunk)
    made = data.draw(st.sets(st.integers(0, count - 1))) if count else set()
    decided: dict[int, Verdict] = {}
    for index in range(count):
        verdict = data.draw(st.sampled_from([None, CHAT_EXISTS, NOT_ON_WHATSAPP]))
        if verdict:
            decided[index] = verdict
    done = created_chunk(chunk, ids, {ids[index]: 1000 + index for index in made}, decided)
    assert done.live.lead_id == [1000 + index for index in sorted(made)]
    expected = {chunk.live.row[index]: decided.get(index, LEAD_EXISTS) for index in range(count) if index not in made}
    assert {row.row: row.reason for row in done.settled[1:]} == {row: each.reason for row, each in expected.items()}
    assert sorted(done.live.row + [row.row for row in done.settled]) == sorted([*chunk.live.row, 90])


def test_chats_are_made_for_leads_only_and_name_them() -> None:
    chunk = chunk_of(2)
    ids = chat_ids(chunk)
    (chat,) = chat_documents(chunk, ids, {ids[1]: 12}, now=NOW, object_id=ObjectId)
    assert chat == {
        "_id": ObjectId(ids[1]),
        "company_id": 1,
        "account_id": 4,
        "lead_id": 12,
        "import_id": 7,
        "name": chunk.live.name[1],
        "contact_cellphone": chunk.live.phone[1],
        "contact_cellphone_dial_code": "55",
        "contact_cellphone_country_code": "BR",
        "created_at": NOW,
        "updated_at": NOW,
    }


def test_every_tag_of_every_lead_is_linked_and_no_other() -> None:
    chunk = tagged(accepted(phones(3)), [[5, 6], [5], []])
    ids = chat_ids(chunk)
    assert chat_tag_columns(chunk, ids, {ids[0]: 11, ids[2]: 13}) == ([ids[0], ids[0]], [5, 6], [11, 11])


def test_rows_that_were_decided_are_not_inserted() -> None:
    assert rows_to_insert(4, {0, 2}) == [1, 3]
    assert rows_to_insert(0, set()) == []
