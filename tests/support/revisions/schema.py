"""The schema as the revisions make it, and of each thing by which of them: so what the release before may use."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pglast.visitors import Visitor

Name = tuple[str, ...]
"""A table as (schema, table), a column as (schema, table, column), a function as (schema, function) …"""


@dataclass(slots=True)
class Schema:
    """What is there. Tables and functions that no revision made are the platform's, and were there before all."""

    released: frozenset[str]
    """The ids of the revisions that the release before has."""
    made: dict[tuple[str, Name], str] = field(default_factory=dict)
    """Kind and name to the revision that made it."""
    types: dict[Name, tuple[str, int | None]] = field(default_factory=dict)
    """Column to its type and, of a varchar, its length."""
    filled: set[Name] = field(default_factory=set)
    """Columns of which a check that is valid says that they are not null."""
    unproven: dict[Name, Name] = field(default_factory=dict)
    """Constraint to the column of which it says so, while it is not validated."""

    def make(self, kind: str, name: Name, revision: str) -> None:
        self.made.setdefault((kind, name), revision)

    def forget(self, kind: str, name: Name) -> None:
        """Forget a thing that was dropped, and what belonged to it."""
        for known in [key for key in self.made if key == (kind, name) or key[1][: len(name)] == name]:
            del self.made[known]

    def is_known(self, kind: str, name: Name) -> bool:
        return (kind, name) in self.made

    def is_older(self, kind: str, name: Name, revision: str) -> bool:
        """Tell whether the release before this revision may use a thing.

        What a revision makes that is not released yet, nobody uses but the release that is being made.
        """
        by = self.made.get((kind, name))
        if by is None:
            return not (kind == "column" and self._is_of_a_new_table(name, revision))
        return by != revision and (by in self.released or revision in self.released)

    def _is_of_a_new_table(self, column: Name, revision: str) -> bool:
        return not self.is_older("table", column[:2], revision)


def table_of(relation: Any) -> Name:
    return relation.schemaname or "public", relation.relname


def name_of(strings: Any) -> Name:
    """Return a name that is a list of strings, as those of functions and of what is dropped are."""
    found = tuple(each.sval for each in strings)
    return found if len(found) > 1 else ("public", *found)


def type_of(column: Any) -> tuple[str, int | None]:
    name, modifiers = column.typeName.names[-1].sval, column.typeName.typmods
    length = modifiers[0].val.ival if modifiers and len(modifiers) == 1 else None
    return (f"{name}[]" if column.typeName.arrayBounds else name), length


def columns_in(expression: Any) -> set[str]:
    """Return the columns that an expression names."""
    found: set[str] = set()

    class Columns(Visitor):
        def visit_ColumnRef(self, ancestors: Any, node: Any) -> None:  # noqa: N802 - pglast's name for it
            found.add(node.fields[-1].sval)

    Columns()(expression)
    return found


def calls_in(expression: Any) -> list[str]:
    """Return what an expression computes anew for each row: the functions that it calls, or the clock it asks."""
    found: list[str] = []

    class Calls(Visitor):
        def visit_FuncCall(self, ancestors: Any, node: Any) -> None:  # noqa: N802
            if node.funcname[-1].sval not in _ONCE_A_STATEMENT:
                found.append(node.funcname[-1].sval)

    Calls()(expression)
    return found


_ONCE_A_STATEMENT = {"now", "transaction_timestamp", "statement_timestamp"}
"""Stable functions: PostgreSQL asks them once, and stores the answer as the default of the rows that are there."""


def statements_within(block: Any) -> Iterator[tuple[str, bool]]:
    """Return the SQL of a block in plpgsql, as pglast reads it; and of each whether it is put together at run time."""
    if isinstance(block, list):
        for each in block:
            yield from statements_within(each)
    elif isinstance(block, dict):
        for key, value in block.items():
            if key == "PLpgSQL_stmt_execsql":
                yield value["sqlstmt"]["PLpgSQL_expr"]["query"], False
            elif key == "PLpgSQL_stmt_dynexecute":
                yield value["query"]["PLpgSQL_expr"]["query"], True
            else:
                yield from statements_within(value)
