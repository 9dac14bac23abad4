"""A person is taken out of a chunk that is kept for a replay: pure."""

from collections.abc import Callable

from libs.contracts.lead_import.internal.carried_cells import WIRE_COLUMNS
from libs.contracts.lead_import.internal.messages import ChunkAccepted, Outcome, SettledRow
from libs.imports.chunk_states import ERASED


def payload_without(payload: bytes, is_named: Callable[[str], bool]) -> tuple[bytes, int]:
    """Return the chunk without the rows whose cells name somebody, and how many those were.

    What would have become a lead is settled as an error of the reason ``erased``; what was settled keeps its reason and
    loses its cells. No row is dropped: a replay accounts for each. Raises pydantic's ValidationError where it is none.
    """
    chunk = ChunkAccepted.model_validate_json(payload)
    live = chunk.live
    named = [
        index
        for index in range(len(live))
        if any(map(is_named, [*live.original_cells(index), f"{live.dial_code[index]}{live.phone[index]}"]))
    ]
    settled = [
        row.model_copy(update={"cells": [""] * len(row.cells)}) if any(map(is_named, row.cells)) else row
        for row in chunk.settled
    ]
    changed = sum(one is not other for one, other in zip(settled, chunk.settled, strict=True))
    if not named and not changed:
        return payload, 0
    lost = [
        SettledRow(row=live.row[index], outcome=Outcome.ERROR, reason=ERASED, cells=[""] * len(WIRE_COLUMNS))
        for index in named
    ]
    staying = [index for index in range(len(live)) if index not in set(named)]
    without = chunk.model_copy(update={"live": live.take(staying), "settled": settled + lost})
    return without.model_dump_json().encode(), len(named) + changed
