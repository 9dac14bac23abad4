"""The people on call: a chunk is dead-lettered, its import fails, they look, repair, replay, and replay again."""

from tests.support.on_call import OnCall, letter_of, without_the_import_channel
from tests.support.processes import needs_local_stack
from tests.support.readers import Stored, Topic, body_of, headers_of
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones, totals
from tests.support.waiting import eventually

pytestmark = needs_local_stack


async def test_a_failed_import_is_repaired_by_a_replay_and_a_second_replay_does_no_harm(
    user: User, stored: Stored, stack: Addresses, finished: Topic
) -> None:
    on_call, phones = OnCall(stack), new_phones(3)
    async with without_the_import_channel(stored):
        failed = await user.run(csv_file(lead_rows(phones, "Feira")))
        import_id = failed["id"]
        assert (failed["status"], failed["failure_reason"]) == ("FAILED", "chunk_dead_lettered")
        assert totals(failed) == (0, 0, 3)
        assert {row["reason"] for row in await user.rows(import_id)} == {"chunk_dead_lettered"}

        listed = await on_call("dead-letters", "list", "--open")
        position, why = letter_of(f"{import_id}:0", listed)
        assert "creator" in why
        assert any("sqlstate=23502" in cell for cell in why)
        assert "column=channel_id" in listed
        assert "dead-lettered" in why
        shown = await on_call("dead-letters", "show", position)
        assert "x-original-topic: lead.import-chunk-tagged.v1" in shown
        assert "chunk now: dead-lettered" in shown
        inspected = await on_call("imports", "inspect", str(import_id))
        assert "status: FAILED" in inspected
        assert "dead-lettered" in inspected

    replayed = await on_call("dead-letters", "replay", position)
    assert "1 chunks go through all stages again" in replayed
    ended = await user.ended(import_id)
    _, repaired = letter_of(f"{import_id}:0", await on_call("dead-letters", "list"))
    assert "settled" in repaired
    assert f"│ {import_id}:0 " not in await on_call("dead-letters", "list", "--open")
    again = await on_call("dead-letters", "replay", "--import", str(import_id))
    assert f"No chunk of import {import_id} can be replayed" in again
    assert "1 chunks were left alone" in await on_call("dead-letters", "replay", position)
    for text in (listed, shown, inspected, replayed, again):
        assert not any(phone in text for phone in phones), "a phone was printed"

    assert (ended["status"], ended["failure_reason"], totals(ended)) == ("FINISHED", None, (3, 0, 0))
    assert await user.rows(import_id) == []
    assert "settled" in await on_call("imports", "inspect", str(import_id))
    leads = await stored.leads(user.tenant.company_id)
    assert sorted(lead["contact_cellphone"] for lead in leads) == phones
    assert all(lead["tags"] == ["Feira"] for lead in leads)
    assert await stored.consistent(user.tenant.company_id) == 3
    events = await eventually(lambda: both(finished, import_id, stored), what="both finished events")
    assert [(body["revision"], body["status"], totals(body)) for body in map(body_of, events)] == [
        (1, "FAILED", (0, 0, 3)),
        (2, "FINISHED", (3, 0, 0)),
    ]
    assert len({headers_of(event)["ce_id"] for event in events}) == 2


async def both(finished: Topic, import_id: int, stored: Stored) -> list[object] | None:
    events = await finished.all_of(import_id, stored)
    return events if len(events) >= 2 else None
