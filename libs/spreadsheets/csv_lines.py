"""The lines of a CSV, each of bounded length, for a reader of records that asks how a record was written."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self, TextIO

LINE_ENDS = re.compile(r"\r\n|\r|\n")
_BLOCK = 1 << 20


class LineTooLong(Exception):
    """A line holds more than any record may."""


@dataclass(frozen=True, slots=True)
class Widths:
    """How many cells the records of a file have, from the titles on."""

    of_all: int | None = None
    """Each record; None: they differ, or their marks are strewn."""
    of_lines: frozenset[int] = frozenset()
    """Those of one line."""


@dataclass(slots=True)
class _Again:
    """A text that goes on with lines which were read of it before."""

    text: "TextIO | _Again"
    left: list[str]
    """The next one last."""

    def readline(self, limit: int) -> str:
        return self.left.pop() if self.left else self.text.readline(limit)


@dataclass(slots=True)
class Lines:
    """The lines of a text, each of bounded length, and where in a record their reader stands."""

    text: TextIO | _Again
    limit: int
    width: int
    """Cells of the header, once that is read."""
    beside: str
    """What a line has where another Excel has put marks around a cell that is not its first."""
    may_give_back: int
    """Characters of lines that may be read again: an honest file's are read once more at most."""
    width_with_blanks: int = 0
    """The same with blank ones at the right, as where a sheet is wider than its titles."""
    width_within: int = 0
    """Cells of the line that is the header's one cell, where each record is such a line and once it is read."""
    widths: Callable[[], Widths] = Widths
    """Return how many cells the records have, for which the file is read once more."""
    of_record: int = 0
    """Lines handed out since the last whole record."""
    last: str = ""
    before: list[str] = field(default_factory=list)
    """The lines of the record before the last one."""
    marks_beyond: int = 0
    """Quotation marks of the last line behind what was kept of it."""
    open_row: int = 0
    """The row whose last cell may go on below; 0: none."""
    marked_blanks: int = 0
    """Records that are blank but for quotation marks."""
    ended: bool = False
    returned: bool = False
    """What was read last ended with a carriage return. A line feed that comes alone then belongs to it, cut off by the
    limit, and is no line: or all numbers of the rows below would be one too high."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self.text.readline(self.limit)
        if self.returned and line == "\n":
            line = self.text.readline(self.limit)
        if self.of_record:
            self.before.append(self.last)
        self.last, self.returned, self.marks_beyond = line, line.endswith("\r"), 0
        if not line:
            self.ended = True
            raise StopIteration
        self.of_record += 1
        if len(line) == self.limit and line[-1] not in "\r\n":
            while (rest := self.text.readline(_BLOCK)) and rest[-1] not in "\r\n":
                self.marks_beyond += rest.count('"')
            self.marks_beyond += rest.count('"')
            self.returned = rest.endswith("\r")
            raise LineTooLong
        return line

    @property
    def record(self) -> list[str]:
        """The lines of the record so far."""
        return [*self.before, self.last]

    @property
    def lines_of_record(self) -> list[str]:
        """The same without what stands for the text's end."""
        return [*filter(None, self.record)]

    def begin_record(self) -> None:
        self.of_record = 0
        if self.before:
            self.before.clear()

    def give_back(self, count: int) -> bool:
        """Have the last lines of the record, so many, read again as records of their own; tell whether they are."""
        record = self.lines_of_record
        own, others = record[: len(record) - count], record[len(record) - count :]
        self.may_give_back -= sum(map(len, others))
        if self.may_give_back < 0:
            return False
        if not isinstance(self.text, _Again):
            self.text = _Again(self.text, [])
        self.text.left += reversed(others)
        *self.before, self.last = own
        self.of_record, self.ended, self.returned = len(own), False, False
        return True

    @property
    def ends_within_marks(self) -> bool:
        """The last line opens a cell that it does not close, as far as the marks are placed in pairs."""
        return (self.last.count('"') + self.marks_beyond) % 2 == 1
