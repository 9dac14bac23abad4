"""What a revision may not do to the release before. Each refusal is a sentence that says what to do instead.

A statement whose kind is not known here is refused: it must be looked at, and get its place.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pglast import ast, enums, parse_plpgsql, parse_sql
from pglast.parser import ParseError

from tests.support.revisions.recorded import CONTRACTS_AFTER, LIVES_WITH, Revision, Statement
from tests.support.revisions.schema import Name, Schema, columns_in, name_of, statements_within, table_of, type_of
from tests.support.revisions.tables import change_table

Refusals = Iterator[str]

PORTIONS = "fill in what is missing in portions that each commit, by a command that is run beside the services"
CONCURRENTLY = "use create_index_concurrently of migrations/indexes.py, alone in its revision"

_HARMLESS = (
    ast.TransactionStmt,
    ast.SelectStmt,
    ast.CommentStmt,
    ast.CreateRoleStmt,
    ast.CreateExtensionStmt,
    ast.CreateSeqStmt,
    ast.CreateDomainStmt,
    ast.CreateEnumStmt,
    ast.CompositeTypeStmt,
    ast.CreateStatsStmt,
    ast.CreateSchemaStmt,
)
_DROPPED = {
    enums.ObjectType.OBJECT_TABLE: "table",
    enums.ObjectType.OBJECT_VIEW: "view",
    enums.ObjectType.OBJECT_MATVIEW: "view",
    enums.ObjectType.OBJECT_INDEX: "index",
    enums.ObjectType.OBJECT_FUNCTION: "function",
    enums.ObjectType.OBJECT_PROCEDURE: "function",
    enums.ObjectType.OBJECT_TRIGGER: "trigger",
    enums.ObjectType.OBJECT_POLICY: "policy",
    enums.ObjectType.OBJECT_TYPE: "type",
    enums.ObjectType.OBJECT_SEQUENCE: "sequence",
    enums.ObjectType.OBJECT_SCHEMA: "schema",
}


class Case:
    """One revision beside the release before it. ``schema`` is what the revisions before have made."""

    def __init__(self, revision: Revision, schema: Schema, before: Sequence[str]) -> None:
        self.revision, self.schema = revision, schema
        self._before = before
        self.used: set[str] = set()

    def is_older(self, kind: str, name: Name) -> bool:
        return self.schema.is_older(kind, name, self.revision.id)

    def make(self, kind: str, name: Name) -> None:
        self.schema.make(kind, name, self.revision.id)

    def lives_with(self, *about: str) -> bool:
        """Tell whether the revision says that older code lives with this, and why."""
        self.used |= set(about) & self.revision.lives_with.keys()
        return any(self.revision.lives_with.get(each, "").strip() for each in about)

    @property
    def contracts(self) -> bool:
        return self.revision.contracts_after is not None

    def all(self) -> Refusals:
        """Return why the revision is refused; it has then been added to the schema."""
        if self.revision.unrecorded:
            yield (
                f"asks the database while it runs ({self.revision.unrecorded}): write the SQL out, so that it can be"
                " read"
            )
            return
        yield from self._what_it_says()
        for statement in self.revision.statements:
            yield from self.statement(statement)
        for name in self.revision.lives_with.keys() - self.used:
            yield f"names {name!r} in {LIVES_WITH}, and does nothing that older code must live with: take it out"

    def _what_it_says(self) -> Refusals:
        after = self.revision.contracts_after
        if after is None:
            return
        if after not in self._before:
            yield f"{CONTRACTS_AFTER} names {after!r}, which is no revision before it: name the one that expanded"
        elif after not in self.schema.released and self.revision.id not in self.schema.released:
            yield (
                f"contracts what {after} expanded, which the release before does not have: wait until it is released"
                " (deploy/release_before.toml), and no process of an older one is left"
            )

    def statement(self, statement: Statement) -> Refusals:
        try:
            parsed = parse_sql(statement.sql)
        except ParseError as error:
            yield f"holds what PostgreSQL does not read ({error}): mend {_short(statement.sql)}"
            return
        for raw in parsed:
            yield from self._one(raw.stmt, statement)

    def _one(self, stmt: Any, statement: Statement) -> Refusals:
        if isinstance(stmt, _HARMLESS):
            return
        rule = _RULES.get(type(stmt))
        if rule is None:
            yield (
                f"does what the check does not know ({_short(statement.sql)}): look at what older code makes of it, and"
                " give it a rule in tests/support/revisions"
            )
            return
        yield from rule(self, stmt, statement)


def refusals(revisions: Sequence[Revision], *, released: frozenset[str]) -> dict[str, list[str]]:
    """Return why each revision is refused, of those that are. They come in the order in which they run."""
    schema = Schema(released)
    found: dict[str, list[str]] = {}
    before: list[str] = []
    for revision in revisions:
        why = list(dict.fromkeys(Case(revision, schema, before).all()))
        if why:
            found[revision.id] = why
        before.append(revision.id)
    return found


def _short(sql: str) -> str:
    words = " ".join(sql.split())
    return words if len(words) < 80 else f"{words[:79]}…"


def _dotted(name: Name) -> str:
    return ".".join(name[1:] if len(name) > 1 else name)


def _create_table(case: Case, stmt: Any, _: Statement) -> Refusals:
    table = table_of(stmt.relation)
    case.make("table", table)
    for element in stmt.tableElts or ():
        if isinstance(element, ast.ColumnDef):
            case.make("column", (*table, element.colname or ""))
            case.schema.types[*table, element.colname or ""] = type_of(element)
        elif isinstance(element, ast.Constraint) and element.conname:
            case.make("constraint", (*table, element.conname))
    yield from ()


def _alter_table(case: Case, stmt: Any, statement: Statement) -> Refusals:
    for command in stmt.cmds:
        yield from change_table(case, table_of(stmt.relation), command, _short(statement.sql))


def _create_index(case: Case, stmt: Any, statement: Statement) -> Refusals:
    table = table_of(stmt.relation)
    if stmt.idxname:
        case.make("index", (table[0], stmt.idxname))
    if not case.is_older("table", table):
        return
    name = f"index {stmt.idxname or '(without a name)'} on {_dotted(table)}"
    if not stmt.concurrent:
        yield f"builds {name} while nobody can write there: {CONCURRENTLY}"
    elif not statement.alone:
        yield f"builds {name} concurrently within a transaction, which PostgreSQL refuses: {CONCURRENTLY}"
    if stmt.unique:
        parts = [each.name or "" for each in stmt.indexParams if each.name]
        parts += [each for part in stmt.indexParams if part.expr for each in columns_in(part.expr)]
        written = [each for each in parts if case.is_older("column", (*table, each))]
        if written and not case.contracts and not case.lives_with(stmt.idxname or ""):
            yield (
                f"makes {name} unique, and older code may write the same {', '.join(written)} twice: make it unique"
                " after a"
                f" release that does not ({CONTRACTS_AFTER}), or say in {LIVES_WITH} why the older one does not either"
            )


def _drop(case: Case, stmt: Any, statement: Statement) -> Refusals:
    kind = _DROPPED.get(stmt.removeType)
    for each in stmt.objects:
        strings: Any = each.objname if isinstance(each, ast.ObjectWithArgs) else getattr(each, "names", each)
        strings = [strings] if isinstance(strings, ast.String) else strings
        name = (strings[0].sval,) if kind == "schema" else name_of(strings)
        said = f"{kind or 'something'} {_dotted(name)}"
        if kind is None:
            yield (
                f"drops what the check does not know ({_short(statement.sql)}): give it a rule in"
                " tests/support/revisions"
            )
            continue
        never_there = (
            stmt.missing_ok and kind not in ("table", "function", "schema") and not case.schema.is_known(kind, name)
        )
        if not never_there and case.is_older(kind, name):
            if kind == "index" and not stmt.concurrent:
                yield (
                    f"drops {said} while nobody can read or write there: DROP INDEX CONCURRENTLY in an autocommit_block"
                )
            if not case.contracts and not case.lives_with(name[-1]):
                yield (
                    f"drops {said}, which the release before uses: release code that does without it, and drop it"
                    f' afterwards in a revision that says {CONTRACTS_AFTER} = "<the revision that made its successor>"'
                )
        case.schema.forget(kind, name)


def _rename(case: Case, stmt: Any, statement: Statement) -> Refusals:
    table = table_of(stmt.relation) if stmt.relation else None
    if stmt.renameType == enums.ObjectType.OBJECT_COLUMN and table:
        kind, name = "column", (*table, stmt.subname)
    elif stmt.renameType == enums.ObjectType.OBJECT_TABCONSTRAINT and table:
        kind, name = "constraint", (*table, stmt.subname)
    elif table:
        kind, name = ("index" if stmt.renameType == enums.ObjectType.OBJECT_INDEX else "table"), table
    else:
        kind, name = "thing", ("", _short(statement.sql))
    if kind == "thing" or case.is_older(kind, name):
        yield (
            f"renames {kind} {_dotted(name)}, which the release before calls by its old name: add the new one, write"
            " both,"
            f" and drop the old one in a later release ({CONTRACTS_AFTER})"
        )
    else:
        case.schema.forget(kind, name)
        case.make(kind, (*name[:-1], stmt.newname))


def _move(case: Case, stmt: Any, statement: Statement) -> Refusals:
    yield (
        f"moves something to another schema ({_short(statement.sql)}), and the release before looks for it where it"
        " was:"
        f" make a new one, write both, and drop the old one in a later release ({CONTRACTS_AFTER})"
    )


def _write(case: Case, stmt: Any, _: Statement) -> Refusals:
    table = table_of(stmt.relation if hasattr(stmt, "relation") else stmt.relations[0])
    if case.is_older("table", table):
        yield f"writes many rows of {_dotted(table)} at once, and holds them to its end: {PORTIONS}"


def _insert(case: Case, stmt: Any, _: Statement) -> Refusals:
    table = table_of(stmt.relation)
    read = getattr(stmt.selectStmt, "fromClause", None) or ()
    if case.is_older("table", table) and any(not isinstance(each, ast.RangeFunction) for each in read):
        yield f"inserts what it selects into {_dotted(table)}, however many rows that are: {PORTIONS}"


def _set(case: Case, stmt: Any, statement: Statement) -> Refusals:
    if stmt.name == "lock_timeout" and not statement.alone:
        yield "sets lock_timeout, and whoever comes after it waits as long: leave the limit of `leadflow migrate`"
    yield from ()


def _policy(case: Case, stmt: Any, _: Statement) -> Refusals:
    table = table_of(stmt.table)
    name = (*table, stmt.policy_name)
    is_other = isinstance(stmt, ast.AlterPolicyStmt)
    narrows = is_other or not stmt.permissive
    older = case.is_older("policy", name) if is_other else case.is_older("table", table)
    if narrows and older and not case.contracts and not case.lives_with(stmt.policy_name):
        yield (
            f"hides rows of {_dotted(table)} from older code by policy {stmt.policy_name}: add a policy beside it, or"
            " say in"
            f" {LIVES_WITH} why the older code needs none of these rows"
        )
    case.make("policy", name)


def _grant(case: Case, stmt: Any, statement: Statement) -> Refusals:
    if stmt.is_grant or case.contracts:
        return
    for each in stmt.objects or ():
        if isinstance(each, ast.ObjectWithArgs):
            kind, name = "function", name_of(each.objname)
        elif isinstance(each, ast.RangeVar):
            kind, name = "table", table_of(each)
        else:
            kind, name = "thing", ("", _short(statement.sql))
        if kind == "thing" or case.is_older(kind, name):
            yield (
                f"takes a right on {_dotted(name)} away that the release before may need: revoke it after a release"
                " that does"
                f" without ({CONTRACTS_AFTER})"
            )


def _grant_role(case: Case, stmt: Any, statement: Statement) -> Refusals:
    if not stmt.is_grant and not case.contracts:
        yield (
            f"takes a role away ({_short(statement.sql)}) that the release before may need: revoke it after a release"
            " that"
            f" does without ({CONTRACTS_AFTER})"
        )


def _function(case: Case, stmt: Any, _: Statement) -> Refusals:
    name = name_of(stmt.funcname)
    if stmt.replace and case.schema.is_known("function", name) and case.is_older("function", name):
        yield from _another(case, f"function {_dotted(name)}", name[-1])
    case.make("function", name)


def _view(case: Case, stmt: Any, _: Statement) -> Refusals:
    name = table_of(stmt.view)
    if stmt.replace and case.schema.is_known("view", name) and case.is_older("view", name):
        yield from _another(case, f"view {_dotted(name)}", name[-1])
    case.make("view", name)


def _another(case: Case, said: str, name: str) -> Refusals:
    if not case.contracts and not case.lives_with(name):
        yield (
            f"makes another {said} of the one that the release before calls: give the new one a name of its own, or"
            " say in"
            f" {LIVES_WITH} why the older code gets the same from it"
        )


def _trigger(case: Case, stmt: Any, _: Statement) -> Refusals:
    table = table_of(stmt.relation)
    case.make("trigger", (*table, stmt.trigname))
    if case.is_older("table", table) and not case.contracts and not case.lives_with(stmt.trigname):
        yield (
            f"has trigger {stmt.trigname} take part in what older code writes to {_dotted(table)}: say in {LIVES_WITH}"
            " why"
            " that code does not notice, or do it in the code"
        )


def _enum(case: Case, stmt: Any, statement: Statement) -> Refusals:
    if stmt.oldVal:
        yield from _rename(case, _NoRelation(stmt.newVal), statement)


class _NoRelation:
    """What ``_rename`` looks at, of something that is no table."""

    def __init__(self, newname: str) -> None:
        self.newname, self.relation, self.renameType, self.subname = newname, None, None, None


def _block(case: Case, stmt: Any, statement: Statement) -> Refusals:
    """A block in plpgsql: each statement of it is judged; one that is put together at run time may only grant."""
    for sql, at_run_time in statements_within(json.loads(json.dumps(parse_plpgsql(statement.sql)))):
        if not at_run_time:
            yield from case.statement(Statement(sql, statement.alone))
        elif not sql.lstrip().removeprefix("format(").lstrip("' ").upper().startswith("GRANT"):
            yield f"puts a statement together while it runs ({_short(sql)}): write it out, so that it can be read"


_RULES: Mapping[type, Callable[[Case, Any, Statement], Refusals]] = {
    ast.CreateStmt: _create_table,
    ast.AlterTableStmt: _alter_table,
    ast.IndexStmt: _create_index,
    ast.DropStmt: _drop,
    ast.RenameStmt: _rename,
    ast.AlterObjectSchemaStmt: _move,
    ast.UpdateStmt: _write,
    ast.DeleteStmt: _write,
    ast.TruncateStmt: _write,
    ast.InsertStmt: _insert,
    ast.VariableSetStmt: _set,
    ast.CreatePolicyStmt: _policy,
    ast.AlterPolicyStmt: _policy,
    ast.GrantStmt: _grant,
    ast.GrantRoleStmt: _grant_role,
    ast.CreateFunctionStmt: _function,
    ast.ViewStmt: _view,
    ast.CreateTrigStmt: _trigger,
    ast.AlterEnumStmt: _enum,
    ast.DoStmt: _block,
}
