"""No phone, CPF, e-mail or name leaves the stores: not in a log, a metric, a public event or a listing."""

import asyncio

from tests.support.marked import leaks, logs, metrics, operator, people
from tests.support.marked_import import import_marked_people
from tests.support.processes import needs_local_stack
from tests.support.readers import Stored, Topic
from tests.support.stack import Addresses
from tests.support.user import User
from tests.support.waiting import eventually

UNREADABLE = 16
REFUSED = 2


def test_every_mark_is_found() -> None:
    """Else the others prove nothing."""
    (person,) = people(1)
    for datum in (*person.row()[:4], f"+55{person.phone}", f"({person.phone[:2]}) {person.phone[-8:]}"):
        assert leaks({"log": f'{{"event": "x {datum}"}}'.encode()}, [person]), datum


def _position_of(chunk: str, listing: str) -> str:
    """Return where the list says that the letter of a chunk is."""
    cells = [[cell.strip() for cell in line.split("│")] for line in listing.splitlines()]
    return next(row[1] for row in cells if chunk in row)


@needs_local_stack
async def test_marked_people_are_in_the_stores_alone(
    stack: Addresses, user: User, stored: Stored, accepted: Topic, finished: Topic
) -> None:
    marked = await import_marked_people(stack, user, stored)

    async def letters() -> bytes | None:
        said = await operator(stack, "dead-letters", "list")
        mine = [line for line in said.splitlines() if f"{marked.ended}:".encode() in line]
        return said if len(mine) >= UNREADABLE - 4 and f"{marked.failed}:1".encode() in said else None

    listing = await eventually(letters, seconds=40, what="dead letters of every stage")
    position = _position_of(f"{marked.failed}:1", listing.decode())
    inspected, shown = await asyncio.gather(
        operator(stack, "imports", "inspect", str(marked.failed)), operator(stack, "dead-letters", "show", position)
    )
    assert b"dead-lettered" in inspected
    assert b"x-exception-message" in shown
    events: dict[str, bytes] = {}
    for topic in (accepted, finished):
        await topic.catch_up()
        for import_id in (marked.ended, marked.failed):
            events |= {
                f"{record.topic} of {import_id}": repr((record.value, record.key, record.headers)).encode()
                for record in topic.records[str(import_id)]
            }
    assert len(events) == 3, "the failed import was not uploaded"
    said = {"list": listing, "inspect": inspected, "show": shown} | events | logs() | await metrics(stack)
    assert {"api.log", "creator.log", "postgres.log", "mongo.log", "kafka.log"} <= set(said)
    assert b"message dead-lettered" in said["creator.log"]
    assert leaks(said, marked.people) == []
