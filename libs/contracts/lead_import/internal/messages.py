"""The chunk: a set of live rows and a list of settled outcomes, passed from stage to stage.

A stage may enrich live rows, or settle a row. No stage ever drops one: ``len(live) + len(settled)`` equals
``row_count`` on every topic, and the models refuse a message that says otherwise.

Live rows travel as columns, because every store statement takes columns (``unnest``) and because a column
of strings is decoded several times faster than as many objects.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Generic, Self, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from libs.common.messages import ID_LIMIT, Id, Message
from libs.contracts.lead_import.internal.carried_cells import MoreValue, original_cells, original_more

MAX_CHUNK_BYTES = 512 * 1024
"""A chunk message stays below this many bytes at every stage."""


def _is_absent(value: object) -> bool:
    return value is None


class Outcome(StrEnum):
    """How a row ends that does not become a lead. Created rows are not settled: they stay live."""

    EXISTING = "existing"
    ERROR = "error"


class SettledRow(Message):
    """A row that will not become a lead, with a stable ``reason`` code and the row's original cells."""

    row: int
    """The number that the spreadsheet shows: the header is 1."""
    outcome: Outcome
    reason: str
    detail: str = ""
    """What to do about it, for people, unless the reason says it all. Never a personal datum: those are in ``cells``
    alone."""
    cells: list[str]


class Verdict(Message):
    """A stage's decision to settle one live row. The api says each ``reason`` in words."""

    outcome: Outcome
    reason: str


class Rows(Message):
    """Columns of equal length. ``row`` holds the spreadsheet's row numbers, in no order."""

    row: list[int]

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def columns(cls) -> list[str]:
        return list(cls.model_fields)

    @model_validator(mode="after")
    def _columns_are_of_equal_length(self) -> Self:
        if len(self._lengths()) > 1:
            raise ValueError("columns differ in length")
        return self

    def _lengths(self) -> set[int]:
        return {len(getattr(self, column)) for column in self.columns()}

    def take(self, indexes: Sequence[int]) -> Self:
        """Return the rows at ``indexes``, in that order."""
        picked: dict[str, Any] = {}
        for column in self.columns():
            values = getattr(self, column)
            picked[column] = [values[index] for index in indexes]
        return self.model_copy(update=picked)


class MoreColumn(Message):
    """A column beyond the five. ``field`` is a lead's own, or ``custom:`` and the key of one of the company's."""

    field: str
    values: list[MoreValue]

    def take(self, indexes: Sequence[int]) -> Self:
        """Return the values at ``indexes``, in that order."""
        return self.model_copy(update={"values": [self.values[index] for index in indexes]})


class LiveRows(Rows):
    """Rows that may still become leads. Phones are canonical: dial code, country code, national number."""

    name: list[str]
    dial_code: list[str]
    country_code: list[str]
    phone: list[str]
    """National number: for Brazil DDD and subscriber number, mobiles with their ninth digit."""
    cpf: list[str | None]
    email: list[str | None]
    tags: list[list[str]]
    """Tag names of the row's own cell, trimmed, without repeats."""
    cells: list[list[str]]
    """What of the row's original cells its columns do not spell (``carried_cells``), each cut at
    1,000 characters."""
    more: list[MoreColumn] | None = Field(default=None, exclude_if=_is_absent)
    """Further columns, in the file's order. Absent from the message of a file that has none."""
    more_cells: list[list[str]] | None = Field(default=None, exclude_if=_is_absent)
    """A row's cells of the columns of ``more``; none where their values spell them. Absent with ``more``."""

    @classmethod
    def columns(cls) -> list[str]:
        """Return the names of the columns that every message has."""
        return [column for column in cls.model_fields if column not in {"more", "more_cells"}]

    def take(self, indexes: Sequence[int]) -> Self:
        picked = super().take(indexes)
        if self.more is None:
            return picked
        cells = self.more_cells and [self.more_cells[index] for index in indexes]
        return picked.model_copy(update={"more": [column.take(indexes) for column in self.more], "more_cells": cells})

    def _lengths(self) -> set[int]:
        lengths = super()._lengths()
        if self.more is not None:
            lengths.update(len(column.values) for column in self.more)
            lengths.add(len(self.row if self.more_cells is None else self.more_cells))
        return lengths

    def original_cells(self, index: int) -> list[str]:
        """Return the original cells of the row at ``index``: the five, then those of ``more``."""
        five = original_cells(
            self.cells[index], self.name[index], self.phone[index], self.cpf[index], self.email[index], self.tags[index]
        )
        if self.more is None:
            return five
        carried = self.more_cells[index] if self.more_cells else []
        return five + original_more(carried, [column.values[index] for column in self.more])


class TaggedRows(LiveRows):
    """Live rows whose tag names, and the request's tags, are resolved to tag ids."""

    row_tag_ids: list[list[int]]


class CreatedRows(Rows):
    """Rows that became leads."""

    lead_id: list[int]
    chat_id: list[str]


LiveT = TypeVar("LiveT", bound=Rows)
AnyLiveT = TypeVar("AnyLiveT", bound=LiveRows)


class Chunk(Message, Generic[LiveT]):
    """One chunk of an import, as every stage passes it on."""

    import_id: Id
    chunk_index: Annotated[int, Field(ge=0, le=ID_LIMIT)]
    company_id: Id
    account_id: Id
    source_id: Id
    creator_id: Id
    tag_ids: list[int]
    """Tags that the request asked for on every lead."""
    accepted_at: AwareDatetime
    """With the id it names the import: ids are given again by a database that was restored."""
    row_count: int
    list_id: UUID | None = Field(default=None, exclude_if=_is_absent)
    """The list that leads are put into. Absent when the request names none."""
    live: LiveT
    settled: list[SettledRow]

    @model_validator(mode="after")
    def _every_row_is_accounted_for(self) -> Self:
        if len(self.live) + len(self.settled) != self.row_count:
            raise ValueError("live and settled rows do not add up to row_count")
        return self


class ChunkAccepted(Chunk[LiveRows]):
    """The file's rows as validated: invalid ones (``on_invalid_row: skip``) and repeats are settled."""


class ChunkDeduplicated(Chunk[LiveRows]):
    """Rows whose phone the platform already knows are settled as ``existing``."""


class ChunkTagged(Chunk[TaggedRows]):
    """Every live row knows the ids of its tags."""


class ChunkCreated(Chunk[CreatedRows]):
    """Every live row is a lead with a chat. The last message of a chunk: nothing personal of live rows."""


def settle(chunk: Chunk[AnyLiveT], verdicts: Mapping[int, Verdict]) -> tuple[AnyLiveT, list[SettledRow]]:
    """Settle the live rows at the indexes of ``verdicts``; return what stays live and all that is settled."""
    if not verdicts:
        return chunk.live, chunk.settled
    live = chunk.live
    settled = [
        SettledRow.model_construct(
            row=live.row[index],
            outcome=verdict.outcome,
            reason=verdict.reason,
            detail="",
            cells=live.original_cells(index),
        )
        for index, verdict in sorted(verdicts.items())
    ]
    staying = [index for index in range(len(live)) if index not in verdicts]
    return live.take(staying), chunk.settled + settled


def envelope(chunk: Chunk[Any]) -> dict[str, Any]:
    """Return the fields that a chunk carries unchanged from stage to stage."""
    return {name: getattr(chunk, name) for name in Chunk.model_fields if name not in {"live", "settled"}}
