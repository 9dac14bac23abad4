"""Which changes of an event may be made within a version: each kind, in the direction in which it would break."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import pytest
from pydantic import BaseModel, Field, create_model

from docs.compatibility import Break, Reader, bare, breaks
from libs.common.messages import Message

OLD, UPDATED = Reader.NOT_UPDATED, Reader.UPDATED


def schema(**fields: Any) -> dict[str, Any]:
    """Return the schema of a message with these fields: types, or types with defaults."""
    named: dict[str, Any] = {
        name: field if isinstance(field, tuple) else (field, ...) for name, field in fields.items()
    }
    model: type[BaseModel] = create_model("Event", __base__=Message, **named)
    return model.model_json_schema()


def of(*readers: Reader, path: str = "$.total") -> set[tuple[str, Reader]]:
    return {(path, reader) for reader in readers}


def found(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[tuple[str, Reader]]:
    return {(each.path, each.reader) for each in breaks(old, new)}


class Inner(Message):
    a: int
    b: str | None


class Shorter(Message):
    a: int


class Longer(Inner):
    c: int = 0


class Stricter(Inner):
    c: int


class Tree(Message):
    name: str
    under: list[Self] = Field(default_factory=list)
    beside: Self | None = None


class NumberedTree(Message):
    name: int
    under: list[Self] = Field(default_factory=list)
    beside: Self | None = None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(schema(total=int), schema(total=int), id="nothing"),
        pytest.param(schema(total=int), schema(total=int, note=(str, "")), id="a field with a default is added"),
        pytest.param(
            schema(total=int), schema(total=int, note=(str | None, None)), id="a field that may be null is added"
        ),
        pytest.param(schema(total=int), schema(total=int, inner=(Inner | None, None)), id="an object is added"),
        pytest.param(schema(inner=Inner), schema(inner=Longer), id="a field is added in an object, its class renamed"),
        pytest.param(
            schema(rows=list[Inner]), schema(rows=list[Longer]), id="a field is added in the objects of a list"
        ),
        pytest.param(
            schema(by=dict[str, Inner]), schema(by=dict[str, Longer]), id="a field is added in a map's objects"
        ),
        pytest.param(schema(inner=Inner | None), schema(inner=Longer | None), id="a field is added where null may be"),
        pytest.param(schema(total=(int, 1)), schema(total=(int, 2)), id="another default"),
        pytest.param(schema(total=int), schema(total=Annotated[int, Field(description="All.")]), id="prose"),
        pytest.param(schema(total=int | None), schema(total=None | int), id="the order of alternatives"),
        pytest.param(schema(total=Literal["a", "b"]), schema(total=Literal["b", "a"]), id="the order of values"),
        pytest.param(schema(a=int, b=int), schema(b=int, a=int), id="the order of fields"),
        pytest.param(Tree.model_json_schema(), Tree.model_json_schema(), id="nothing, in a model that holds itself"),
        pytest.param(schema(any=Any), schema(any=Any), id="nothing, where anything goes"),
    ],
)
def test_what_every_reader_can_read_is_allowed(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    assert breaks(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(schema(a=int, total=int), schema(a=int), of(OLD), id="a field is removed"),
        pytest.param(schema(a=int, total=(int, 0)), schema(a=int), of(OLD), id="a field with a default is removed"),
        pytest.param(schema(total=int), schema(sum=int), of(OLD) | of(UPDATED, path="$.sum"), id="a field is renamed"),
        pytest.param(schema(a=int), schema(a=int, total=int), of(UPDATED), id="a required field is added"),
        pytest.param(schema(total=(int, 0)), schema(total=int), of(UPDATED), id="a field is newly required"),
        pytest.param(schema(total=int), schema(total=(int, 0)), of(OLD), id="a field is no longer required"),
        pytest.param(schema(total=int), schema(total=str), of(OLD, UPDATED), id="another type"),
        pytest.param(schema(total=int), schema(total=list[int]), of(OLD, UPDATED), id="a list of them"),
        pytest.param(schema(total=int), schema(total=float), of(OLD), id="a wider type"),
        pytest.param(schema(total=float), schema(total=int), of(UPDATED), id="a narrower type"),
        pytest.param(schema(total=int), schema(total=int | None), of(OLD), id="it may be null"),
        pytest.param(schema(total=int | None), schema(total=int), of(UPDATED), id="it may not be null any more"),
        pytest.param(schema(total=int), schema(total=int | str), of(OLD), id="another alternative"),
        pytest.param(schema(total=int), schema(total=Any), of(OLD), id="it may be anything"),
        pytest.param(schema(total=Any), schema(total=int), of(UPDATED), id="it may not be anything any more"),
        pytest.param(
            schema(total=Literal["a", "b"]), schema(total=Literal["a", "b", "c"]), of(OLD), id="a value is added"
        ),
        pytest.param(
            schema(total=Literal["a", "b"]), schema(total=Literal["a"]), of(UPDATED), id="a value is taken away"
        ),
        pytest.param(schema(total=str), schema(total=Literal["a", "b"]), of(UPDATED), id="a few values of all"),
        pytest.param(schema(total=Literal["a"]), schema(total=str), of(OLD), id="all values instead of one"),
        pytest.param(
            schema(total=Literal["a", 1]), schema(total=Literal["a", 2]), of(OLD, UPDATED), id="values of two types"
        ),
    ],
)
def test_what_some_reader_cannot_read_is_refused(
    old: Mapping[str, Any], new: Mapping[str, Any], expected: set[tuple[str, Reader]]
) -> None:
    assert found(old, new) == expected


@pytest.mark.parametrize(
    ("kind", "loose", "tight"),
    [
        (int, {"le": 10}, {"le": 9}),
        (int, {}, {"le": 9}),
        (int, {"ge": 0}, {"ge": 1}),
        (int, {}, {"ge": 1}),
        (int, {"lt": 10}, {"lt": 9}),
        (float, {"gt": 0}, {"gt": 1}),
        (str, {"max_length": 10}, {"max_length": 9}),
        (str, {}, {"min_length": 1}),
        (list[int], {"max_length": 10}, {"max_length": 9}),
        (list[int], {}, {"min_length": 1}),
        (dict[str, int], {}, {"max_length": 9}),
        (str, {}, {"pattern": "^a"}),
        (int, {}, {"multiple_of": 2}),
    ],
)
def test_limits_neither_tighten_nor_loosen(kind: Any, loose: dict[str, Any], tight: dict[str, Any]) -> None:
    a, b = schema(total=Annotated[kind, Field(**loose)]), schema(total=Annotated[kind, Field(**tight)])
    assert found(a, b) == of(UPDATED)
    assert found(b, a) == of(OLD)


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (schema(inner=Inner), schema(inner=Shorter), "$.inner.b"),
        (schema(inner=Inner | None), schema(inner=Shorter | None), "$.inner.b"),
        (schema(rows=list[Inner]), schema(rows=list[Shorter]), "$.rows[*].b"),
        (schema(rows=list[list[Inner]]), schema(rows=list[list[Shorter]]), "$.rows[*][*].b"),
        (schema(by=dict[str, Inner]), schema(by=dict[str, Shorter]), "$.by.*.b"),
        (schema(a=int, inner=(Inner, None)), schema(a=int, inner=(Shorter, None)), "$.inner.b"),
    ],
)
def test_a_break_is_found_at_its_place(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> None:
    assert breaks(old, new) == [Break(path, "is no longer there", OLD)]


def test_a_required_field_in_an_object_of_a_list_is_refused() -> None:
    assert breaks(schema(rows=list[Inner]), schema(rows=list[Stricter])) == [
        Break("$.rows[*].c", "was never there, and is required", UPDATED)
    ]


def test_the_comparison_of_a_model_that_holds_itself_ends() -> None:
    paths = {each.path for each in breaks(Tree.model_json_schema(), NumberedTree.model_json_schema())}
    assert {"$.name", "$.under[*].name", "$.beside.name"} <= paths
    assert all(path.count("under") <= 1 and path.count("beside") <= 1 for path in paths)


def test_a_model_that_refuses_unknown_fields_can_never_get_one() -> None:
    closed = schema(a=int) | {"additionalProperties": False}
    assert found(closed, schema(a=int, total=(int, 0)) | {"additionalProperties": False}) == of(OLD)
    assert found(schema(a=int), closed) == of(UPDATED, path="$.*")


def test_a_time_is_no_text_like_any_other() -> None:
    time = {"type": "object", "properties": {"total": {"type": "string", "format": "date-time"}}}
    text = {"type": "object", "properties": {"total": {"type": "string"}}}
    assert found(time, text) == of(OLD)
    assert found(text, time) == of(UPDATED)


def test_a_keyword_that_is_not_known_may_not_change() -> None:
    old = {"type": "object", "properties": {"total": {"type": "array", "contains": {"type": "string"}}}}
    new = {"type": "object", "properties": {"total": {"type": "array", "contains": {"type": "integer"}}}}
    assert found(old, old) == set()
    assert found(old, new) == of(OLD, UPDATED)


def test_types_may_be_spelled_in_several_ways() -> None:
    spelled = {"properties": {"total": {"type": ["string", "null"]}}, "type": "object"}
    assert found(spelled, schema(total=(str | None, None))) == set()
    assert (
        found(schema(total=(Literal["a"], "a")), {"properties": {"total": {"enum": ["a"]}}, "type": "object"}) == set()
    )


def test_what_is_said_names_the_values() -> None:
    assert [each.what for each in breaks(schema(a=Literal["x"]), schema(a=Literal["x", "y"]))] == [
        "may be 'y', which is not read"
    ]
    limits = breaks(schema(a=Annotated[int, Field(le=10)]), schema(a=Annotated[int, Field(le=20)]))
    assert [each.what for each in limits] == ["has maximum 20, where maximum 10 is read"]
    assert [each.what for each in breaks(schema(a=str), schema(a=str | None))] == ["may be null, where string is read"]


def test_bare_is_without_prose_and_keeps_fields_that_are_called_like_it() -> None:
    told = schema(title=Annotated[str, Field(description="Of the book.")], description=(str, "none"))
    assert bare(told) == {
        "properties": {"title": {"type": "string"}, "description": {"type": "string"}},
        "required": ["title"],
        "type": "object",
    }


def test_bare_knows_no_order() -> None:
    assert bare(schema(a=int, b=Literal["x", "y"])) == bare(schema(b=Literal["y", "x"], a=int))
