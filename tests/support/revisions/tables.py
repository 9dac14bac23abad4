"""The part of the rules that is about ALTER TABLE: columns, constraints and locks of a table that is there."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from pglast import ast, enums

from tests.support.revisions.recorded import CONTRACTS_AFTER, LIVES_WITH, Revision
from tests.support.revisions.schema import Name, Schema, calls_in, columns_in, type_of

Refusals = Iterator[str]
Change = enums.AlterTableType
Kind = enums.ConstrType


class Judging(Protocol):
    """What the rules are told of the revision that they judge."""

    revision: Revision
    schema: Schema

    @property
    def contracts(self) -> bool: ...
    def is_older(self, kind: str, name: Name) -> bool: ...
    def make(self, kind: str, name: Name) -> None: ...
    def lives_with(self, *about: str) -> bool: ...


_ON_NEW_ROWS_ONLY = (Change.AT_SetStatistics, Change.AT_SetOptions, Change.AT_ResetOptions, Change.AT_SetRelOptions,
                     Change.AT_ResetRelOptions, Change.AT_SetStorage, Change.AT_SetCompression)  # fmt: skip
"""Changes that no code notices."""


def change_table(case: Judging, table: Name, command: Any, shown: str) -> Refusals:
    """Judge one part of an ALTER TABLE, and add what it makes to the schema."""
    rule = _RULES.get(command.subtype)
    if not case.is_older("table", table):
        # Nobody uses the table yet: whatever it is, no older code meets it.
        if command.subtype == Change.AT_AddColumn:
            case.make("column", (*table, command.def_.colname))
            case.schema.types[*table, command.def_.colname] = type_of(command.def_)
        elif command.subtype == Change.AT_AddConstraint and command.def_.conname:
            case.make("constraint", (*table, command.def_.conname))
        return
    if command.subtype in _ON_NEW_ROWS_ONLY:
        return
    if rule is None:
        yield (
            f"changes a table in a way that the check does not know ({shown}): look at what older code makes of it, and"
            " give it a rule in tests/support/revisions"
        )
        return
    yield from rule(case, table, command)


def _add_column(case: Judging, table: Name, command: Any) -> Refusals:
    column = command.def_
    name, said = (*table, column.colname), f"column {table[-1]}.{column.colname}"
    constraints = {each.contype: each for each in column.constraints or ()}
    default = constraints.get(Kind.CONSTR_DEFAULT)
    computed = calls_in(default.raw_expr) if default else []
    case.make("column", name)
    case.schema.types[name] = type_of(column)
    if Kind.CONSTR_NOTNULL in constraints and not default:
        yield (
            f"adds {said} as NOT NULL, and older code inserts rows without it: give it a constant default, or let it"
            " be null"
        )
    if computed:
        yield (
            f"adds {said} with a default that is computed for each row ({', '.join(computed)}), which writes the whole"
            " table"
            " while nobody can read it: add the column, then set its default in a statement of its own, then fill in"
        )
    if column.typeName.names[-1].sval in ("serial", "bigserial", "smallserial", "serial4", "serial8") or any(
        kind in constraints for kind in (Kind.CONSTR_IDENTITY, Kind.CONSTR_GENERATED)
    ):
        yield (
            f"adds {said} whose value PostgreSQL makes for each row, which writes the whole table while nobody can"
            " read it:"
            " add a plain column, let the code write it, and fill in"
        )
    if Kind.CONSTR_CHECK in constraints or Kind.CONSTR_FOREIGN in constraints:
        yield (
            f"adds {said} with a rule that is checked at once, for every row, under its lock: add the column, then the"
            " constraint with NOT VALID, and VALIDATE CONSTRAINT in the next revision"
        )
    if Kind.CONSTR_UNIQUE in constraints or Kind.CONSTR_PRIMARY in constraints:
        yield f"adds {said} with an index that is built while nobody can write: add the column, {_UNIQUE_LATER}"


_UNIQUE_LATER = "then build the unique index with create_index_concurrently in a revision of its own"


def _drop_column(case: Judging, table: Name, command: Any) -> Refusals:
    name = (*table, command.name)
    if case.is_older("column", name) and not case.contracts:
        yield (
            f"drops column {table[-1]}.{command.name}, which the release before reads or writes: release code that does"
            f' without it, and drop it afterwards in a revision that says {CONTRACTS_AFTER} = "<the revision that made'
            " its"
            ' successor>"'
        )
    case.schema.forget("column", name)


def _change_type(case: Judging, table: Name, command: Any) -> Refusals:
    name, (wanted, length) = (*table, command.name), type_of(command.def_)
    had, had_length = case.schema.types.get(name, ("", None))
    wider = had == "varchar" and (
        wanted == "text"
        or (wanted == "varchar" and had_length is not None and (length is None or length >= had_length))
    )
    case.schema.types[name] = wanted, length
    if not wider or command.def_.raw_default:
        yield (
            f"changes the type of {table[-1]}.{command.name}, which writes the whole table while nobody can read it,"
            " and older"
            " code reads the old type: add a column of the new type, write both, fill in, and drop the old one in a"
            " later"
            f" release ({CONTRACTS_AFTER})"
        )


def _default(case: Judging, table: Name, command: Any) -> Refusals:
    column = f"{table[-1]}.{command.name}"
    if not case.is_older("column", (*table, command.name)) or case.contracts or case.lives_with(column):
        return
    if command.def_ is None:
        yield (
            f"takes the default of {column} away, on which older code may rely: release code that always writes it,"
            " and drop"
            f" the default afterwards ({CONTRACTS_AFTER})"
        )
    else:
        yield (
            f"changes what {column} is in rows that older code inserts without it: write the value in the code, or say"
            " in"
            f" {LIVES_WITH} why the older code lives with it"
        )


def _drop_not_null(case: Judging, table: Name, command: Any) -> Refusals:
    column = f"{table[-1]}.{command.name}"
    if case.is_older("column", (*table, command.name)) and not case.contracts and not case.lives_with(column):
        yield (
            f"lets {column} be null, and older code may read such a row: release code that reads nulls first, or say in"
            f" {LIVES_WITH} why the older code meets none, or lives with it"
        )


def _set_not_null(case: Judging, table: Name, command: Any) -> Refusals:
    name, column = (*table, command.name), f"{table[-1]}.{command.name}"
    if not case.contracts:
        yield (
            f"makes {column} NOT NULL, and older code may write rows without it: release code that always writes it,"
            " and"
            f" tighten afterwards in a revision that says {CONTRACTS_AFTER}"
        )
    if name not in case.schema.filled:
        yield (
            f"makes {column} NOT NULL, for which PostgreSQL reads the whole table while nobody else can: add CHECK"
            f" ({command.name} IS NOT NULL) NOT VALID, validate it in the next revision, and set NOT NULL in the one"
            " after"
        )


def _add_constraint(case: Judging, table: Name, command: Any) -> Refusals:
    rule = command.def_
    name = rule.conname or "(without a name)"
    said = f"constraint {name} on {table[-1]}"
    if rule.conname:
        case.make("constraint", (*table, rule.conname))
    if rule.contype in (Kind.CONSTR_UNIQUE, Kind.CONSTR_PRIMARY, Kind.CONSTR_EXCLUSION):
        if not rule.indexname:
            yield (
                f"adds {said}, whose index is built while nobody can write: {_UNIQUE_LATER[5:]}, then ADD … USING INDEX"
            )
        return
    columns = columns_in(rule.raw_expr) if rule.raw_expr else {each.sval for each in rule.fk_attrs or rule.keys or ()}
    if not rule.skip_validation:
        yield (
            f"adds {said} and has every row checked under its lock: add it with NOT VALID, and VALIDATE CONSTRAINT in"
            " the next"
            " revision"
        )
    written = sorted(each for each in columns if case.is_older("column", (*table, each)))
    if written and not case.contracts and not case.lives_with(name):
        yield (
            f"adds {said}, and older code may write {', '.join(written)} otherwise: add it after a release that does"
            " not"
            f" ({CONTRACTS_AFTER}), or say in {LIVES_WITH} why what the older one writes holds"
        )
    if isinstance(rule.raw_expr, ast.NullTest) and rule.raw_expr.nulltesttype == enums.NullTestType.IS_NOT_NULL:
        case.schema.unproven[*table, name] = (*table, *columns)


def _validate(case: Judging, table: Name, command: Any) -> Refusals:
    name = (*table, command.name)
    if case.schema.made.get(("constraint", name)) == case.revision.id:
        yield (
            f"validates constraint {command.name} on {table[-1]} in the transaction that added it, whose lock it keeps"
            " while"
            " every row is read: VALIDATE CONSTRAINT in a revision of its own"
        )
    elif name in case.schema.unproven:
        case.schema.filled.add(case.schema.unproven.pop(name))


def _drop_constraint(case: Judging, table: Name, command: Any) -> Refusals:
    name = (*table, command.name)
    never_there = command.missing_ok and not case.schema.is_known("constraint", name)
    if (
        not never_there
        and case.is_older("constraint", name)
        and not case.contracts
        and not case.lives_with(command.name)
    ):
        yield (
            f"drops constraint {command.name} on {table[-1]}, which keeps away what older code does not expect, or"
            " decides its"
            f" ON CONFLICT: drop it after a release that does without ({CONTRACTS_AFTER}), or say in {LIVES_WITH} why"
            " it may"
            " go now"
        )
    case.schema.forget("constraint", name)


def _rows(case: Judging, table: Name, command: Any) -> Refusals:
    if not case.contracts and not case.lives_with(table[-1]):
        yield (
            f"changes which rows of {table[-1]} older code sees, by row level security: say in {LIVES_WITH} why it"
            " still sees"
            " all that it needs, such as by policies of the same revision"
        )


_RULES: Mapping[Change, Callable[[Judging, Name, Any], Refusals]] = {
    Change.AT_AddColumn: _add_column,
    Change.AT_DropColumn: _drop_column,
    Change.AT_AlterColumnType: _change_type,
    Change.AT_ColumnDefault: _default,
    Change.AT_DropNotNull: _drop_not_null,
    Change.AT_SetNotNull: _set_not_null,
    Change.AT_AddConstraint: _add_constraint,
    Change.AT_ValidateConstraint: _validate,
    Change.AT_DropConstraint: _drop_constraint,
    Change.AT_EnableRowSecurity: _rows,
    Change.AT_DisableRowSecurity: _rows,
    Change.AT_ForceRowSecurity: _rows,
}
