"""Who saw which lead: written before it is shown, together with what others saw meanwhile."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from services.leads.listing.access_log import MOST, AccessLog, Seen

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
COMPANY, OTHER = 1, 2


def seen(*leads: int) -> list[Seen]:
    return [Seen(lead, 7, NOW, "list") for lead in leads]


class Table:
    """Holds each write until it is let go on."""

    def __init__(self) -> None:
        self.writes: list[tuple[int, list[int]]] = []
        self.may_go_on = asyncio.Event()
        self.fails = False

    async def write(self, company_id: int, some: Sequence[Seen]) -> None:
        self.writes.append((company_id, [each.lead_id for each in some]))
        await self.may_go_on.wait()
        if self.fails:
            raise ConnectionError


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_lead_is_shown_when_that_is_written_down() -> None:
    table = Table()
    noted = asyncio.create_task(AccessLog(table.write).note(COMPANY, seen(1, 2)))
    await settle()
    assert table.writes == [(COMPANY, [1, 2])]
    assert not noted.done()
    table.may_go_on.set()
    await noted


async def test_what_comes_while_one_is_written_goes_together() -> None:
    table = Table()
    log = AccessLog(table.write)
    first = asyncio.create_task(log.note(COMPANY, seen(1)))
    await settle()
    others = [asyncio.create_task(log.note(COMPANY, seen(lead))) for lead in range(2, 52)]
    another = asyncio.create_task(log.note(OTHER, seen(99)))
    await settle()
    assert table.writes == [(COMPANY, [1]), (OTHER, [99])]
    table.may_go_on.set()
    await asyncio.gather(first, another, *others)
    assert table.writes[2:] == [(COMPANY, list(range(2, 52)))]


async def test_a_batch_is_bounded() -> None:
    table = Table()
    log = AccessLog(table.write)
    notes = [asyncio.create_task(log.note(COMPANY, seen(*range(100)))) for _ in range(2 * MOST // 100)]
    table.may_go_on.set()
    await asyncio.gather(*notes)
    assert [len(some) for _, some in table.writes] == [MOST, MOST]


async def test_a_write_that_fails_is_its_callers_error_alone() -> None:
    table = Table()
    log = AccessLog(table.write)
    table.fails = True
    first = asyncio.create_task(log.note(COMPANY, seen(1)))
    await settle()
    table.may_go_on.set()
    with pytest.raises(ConnectionError):
        await first
    table.fails = False
    await log.note(COMPANY, seen(2))
    assert table.writes[-1] == (COMPANY, [2])


async def test_whoever_goes_away_does_not_take_the_others_with_him() -> None:
    table = Table()
    log = AccessLog(table.write)
    first, second = (asyncio.create_task(log.note(COMPANY, seen(lead))) for lead in (1, 2))
    await settle()
    first.cancel()
    table.may_go_on.set()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first
    assert table.writes == [(COMPANY, [1, 2])]


async def test_nothing_seen_is_not_written() -> None:
    table = Table()
    await AccessLog(table.write).note(COMPANY, [])
    assert table.writes == []
