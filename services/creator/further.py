"""Columns beyond the five, as leads have them: pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkTagged, LiveRows
from libs.fields.more_fields import MORE_FIELDS, custom_key

CUSTOM_FIELDS = "custom_fields"
FURTHER: Mapping[str, str] = {**dict.fromkeys(MORE_FIELDS, "text"), CUSTOM_FIELDS: "jsonb"}
"""Columns of a lead that a file may fill, with the types that texts become."""


def carries_more(chunk: ChunkTagged) -> bool:
    """Tell whether the chunk carries more than the five columns."""
    return chunk.live.more is not None or chunk.list_id is not None


def further_columns(live: LiveRows, indexes: Sequence[int]) -> dict[str, list[Any]]:
    """Return texts for each of ``FURTHER``, of the rows at ``indexes``; an empty list: the file has no such column."""
    more = {column.field: column.values for column in live.more or ()}
    columns: dict[str, list[Any]] = {name: [] for name in FURTHER}
    columns |= {name: [values[at] for at in indexes] for name, values in more.items() if name in FURTHER}
    custom = {key: values for field, values in more.items() if (key := custom_key(field)) is not None}
    if custom:
        columns[CUSTOM_FIELDS] = [_json_of(custom, at) for at in indexes]
    return columns


def with_more_of(chunk: ChunkTagged, accepted: ChunkAccepted) -> ChunkTagged:
    """Return the chunk with what it was accepted with, and what stages of an older version did not pass on."""
    more = accepted.live.more
    if more is None:
        return chunk.model_copy(update={"list_id": accepted.list_id})
    at_of = {row: at for at, row in enumerate(accepted.live.row)}
    # A row may have been erased from what was accepted while its message was on its way: then it has no values.
    places = [at_of.get(row) for row in chunk.live.row]
    cells = accepted.live.more_cells or [[] for _ in accepted.live.row]
    further = {
        "more": [
            column.model_copy(update={"values": [None if at is None else column.values[at] for at in places]})
            for column in more
        ],
        "more_cells": [[] if at is None else cells[at] for at in places],
    }
    return chunk.model_copy(update={"list_id": accepted.list_id, "live": chunk.live.model_copy(update=further)})


def _json_of(custom: Mapping[str, Sequence[Any]], at: int) -> str | None:
    """Return the values of a row that has any: a lead without is as if there were no such fields."""
    values = {key: held[at] for key, held in custom.items() if held[at] is not None}
    return to_json(values).decode() if values else None
