"""The part ``data``: strict types, trimmed names, no unknown fields; each refusal names the field."""

import json
import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.web.refusals import Refused, pointer_to
from services.api.accepting.domain import bounded_json, request
from services.api.accepting.domain.bounded_json import ObjectsOfData
from services.api.accepting.domain.request import ImportRequest, read_request
from services.api.http.problems import PROBLEMS

GOOD: dict[str, Any] = {"name": "Feira", "account_id": 1, "source_id": 2}


def refusal(data: bytes | str) -> Refused:
    with pytest.raises(Refused) as caught:
        read_request(data)
    return caught.value


def changed(**changes: Any) -> str:
    return json.dumps(GOOD | changes)


def test_the_smallest_request_has_the_defaults() -> None:
    assert read_request(json.dumps(GOOD)) == ImportRequest(
        name="Feira", account_id=1, source_id=2, tag_ids=[], on_invalid_row="reject"
    )


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("name", "  Feira de São Paulo\t", "Feira de São Paulo"),
        ("name", "\u00a0x\u2003", "x"),
        ("name", "a" * 255, "a" * 255),
        ("name", "  " + "é" * 255 + "\n", "é" * 255),
        ("name", "🚀", "🚀"),
        ("name", "Campanha \U0001fa77", "Campanha \U0001fa77"),  # younger than Python's tables
        ("name", "👩\u200d💻 ❤\ufe0f", "👩\u200d💻 ❤\ufe0f"),
        ("name", "Feira\u00a0de\u202fmaio", "Feira de maio"),
        ("account_id", 2**31 - 1, 2**31 - 1),
        ("tag_ids", [], []),
        ("tag_ids", None, []),
        ("on_invalid_row", None, "reject"),
        ("tag_ids", [3, 1, 3, 2], [3, 1, 2]),
        ("tag_ids", [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        ("on_invalid_row", "skip", "skip"),
        ("on_invalid_row", "reject", "reject"),
        ("extra_columns", None, "leave_out"),
        ("silent", None, False),
        ("silent", True, True),
    ],
)
def test_a_good_value_is_kept_trimmed_and_once(field: str, value: Any, kept: Any) -> None:
    assert getattr(read_request(changed(**{field: value})), field) == kept


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("name", "", "name"),
        ("name", "   ", "name"),
        ("name", "a" * 256, "name"),
        ("name", "a\x00b", "name"),
        ("name", "a\nb", "name"),
        ("name", "a\u202eb", "name"),
        ("name", "a\u200bb", "name"),
        ("name", "\u200d", "name"),
        ("name", "\ud800", "name"),
        ("name", 1, "name"),
        ("name", None, "name"),
        ("name", ["Feira"], "name"),
        ("account_id", "1", "account_id"),
        ("account_id", True, "account_id"),
        ("account_id", 1.0, "account_id"),
        ("account_id", 1.5, "account_id"),
        ("account_id", 0, "account_id"),
        ("account_id", -1, "account_id"),
        ("account_id", 2**31, "account_id"),
        ("account_id", 10**400, "account_id"),
        ("account_id", None, "account_id"),
        ("source_id", "2", "source_id"),
        ("source_id", False, "source_id"),
        ("source_id", 2**63, "source_id"),
        ("tag_ids", [1, 2, 3, 4, 5, 6], "tag_ids"),
        ("tag_ids", [1] * 6, "tag_ids"),
        ("tag_ids", ["1"], "tag_ids/0"),
        ("tag_ids", [1, True], "tag_ids/1"),
        ("tag_ids", [0], "tag_ids/0"),
        ("tag_ids", 1, "tag_ids"),
        ("tag_ids", {"0": 1}, "tag_ids"),
        ("on_invalid_row", "ignore", "on_invalid_row"),
        ("on_invalid_row", "SKIP", "on_invalid_row"),
        ("surprise", 1, "surprise"),
    ],
)
def test_a_wrong_value_is_refused_by_its_field(field: str, value: Any, place: str) -> None:
    refused = refusal(changed(**{field: value}))
    assert (refused.code, PROBLEMS[refused.code].status) == ("data_invalid", 422)
    assert [detail.pointer for detail in refused.errors] == [f"/{place}"]
    assert refused.total_errors == 1
    assert refused.errors[0].message
    assert field in refused.detail


def test_a_correction_is_kept_without_what_no_store_takes() -> None:
    """As the cells of a file are. Half a character is refused where it stands, as in every text."""
    kept = read_request(changed(corrections={"2": {"name": "An\0a", "email": "\0"}}))
    assert kept.corrected == {"2": {"name": "Ana", "email": ""}}
    refused = refusal(changed(corrections={"2": {"name": "An\ud83da"}}))
    assert [detail.pointer for detail in refused.errors] == ["/corrections/2/name"]


@pytest.mark.parametrize("field", GOOD)
def test_a_field_that_stands_twice_is_refused_by_its_name(field: str) -> None:
    twice = json.dumps(GOOD)[:-1] + f', "{field}": {json.dumps(GOOD[field])}}}'
    refused = refusal(twice)
    assert (refused.code, [detail.pointer for detail in refused.errors]) == ("data_invalid", [f"/{field}"])
    assert field in refused.detail


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_before_the_object_is_passed_over(encoding: str) -> None:
    written = json.dumps(GOOD).encode(encoding)
    assert read_request(written.decode()) == read_request(written) == read_request(json.dumps(GOOD))


@pytest.mark.parametrize("field", GOOD)
def test_a_missing_field_is_refused_by_its_name(field: str) -> None:
    refused = refusal(json.dumps({name: value for name, value in GOOD.items() if name != field}))
    assert [(detail.code, detail.pointer) for detail in refused.errors] == [("missing", f"/{field}")]


@pytest.mark.parametrize("data", ["[]", "1", '"x"', "null", "true", '[{"name": "x"}]'])
def test_json_that_is_no_object_is_refused_as_data(data: str) -> None:
    assert refusal(data).code == "data_invalid"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"name=Feira",
        b"{'name': 'x'}",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b"\xff\xfe{\x00}\x00\xff",
        b'{"name": "\xe9"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"account_id": ' + b"9" * 5_000 + b"}",
    ],
    ids=lambda data: data[:12].decode("latin-1") or "empty",
)
def test_what_is_not_json_is_a_bad_request(data: bytes) -> None:
    refused = refusal(data)
    assert (refused.code, PROBLEMS[refused.code].status) == ("data_not_json", 400)


def test_at_most_100_errors_are_listed_and_all_are_counted() -> None:
    refused = refusal(json.dumps(GOOD | {f"field_{number}": number for number in range(150)}))
    assert len(refused.errors) == 100
    assert refused.total_errors == 150


WRONG_IN_MANY_FIELDS = {
    "a corrected row": {"corrections": {"1": {f"{number:x}": 1 for number in range(23_800)}}},
    "unknown fields": {f"{number:x}": 1 for number in range(25_000)},
    "the mapping": {"columns": "mapped", "mapping": {f"{number:x}": 1 for number in range(25_000)}},
    "rows": {"corrections": {f"a{number:x}": 1 for number in range(22_000)}},
    "rows of nothing": {"corrections": {str(number + 1): {} for number in range(20_000)}},
    "cells of many rows": {"corrections": {f"{row + 1}": dict.fromkeys("abcdefghijklmnop", 1) for row in range(1_000)}},
    "objects": {"tag_ids": [{}] * 80_000},
}


@pytest.mark.parametrize("wrong", WRONG_IN_MANY_FIELDS.values(), ids=WRONG_IN_MANY_FIELDS)
def test_what_is_wrong_in_tens_of_thousands_of_places_is_not_looked_at_in_each(
    wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All calls wait meanwhile: each error took ten microseconds."""
    objects, details = counted(monkeypatch)
    refused = refusal(changed(**wrong))
    assert refused.code == "data_invalid"
    assert 1 <= len(refused.errors) <= 100
    assert refused.total_errors <= 1_200  # so many were asked for
    assert details() <= 100
    assert objects() <= 10_000


def test_of_names_that_stand_twice_only_those_that_are_told_are_pointed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    _, details = counted(monkeypatch)
    twice = ",".join(f'"{number % 12_000:x}":1' for number in range(24_000))
    refused = refusal(f'{{"corrections":{{{twice}}}}}')
    assert (refused.total_errors, len(refused.errors), details()) == (12_000, 100, 100)


def counted(monkeypatch: pytest.MonkeyPatch) -> tuple[Callable[[], int], Callable[[], int]]:
    """Return how many objects of `data` and how many places of errors were looked at so far."""
    looked_at: Counter[str] = Counter()

    def counting(name: str, do: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            looked_at[name] += 1
            return do(*given)

        return call

    monkeypatch.setattr(ObjectsOfData, "fields", counting("objects", ObjectsOfData.fields))
    for module in (request, bounded_json):
        monkeypatch.setattr(module, "pointer_to", counting("details", pointer_to))
    return lambda: looked_at["objects"], lambda: looked_at["details"]


def test_one_wrong_cell_in_each_corrected_row_is_counted_in_all_of_them() -> None:
    refused = refusal(changed(corrections={f"{row + 1}": {"telefone": "11 91234-5678"} for row in range(1_000)}))
    assert (refused.total_errors, len(refused.errors)) == (1_000, 100)
    assert refused.errors[99].pointer == "/corrections/100/telefone/[key]"


def test_what_is_wrong_beside_corrections_that_are_too_many_is_told_with_them() -> None:
    rows = {f"{row + 1}": {"name": "Ana"} for row in range(1_001)}
    refused = refusal(changed(corrections=rows, name=""))
    assert [(detail.code, detail.pointer) for detail in refused.errors] == [
        ("too_long", "/corrections"),
        ("value_error", "/name"),
    ]
    assert refused.errors[0].message == "Dictionary should have at most 1000 items after validation, not more"


LONG = "n" * 5_000


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(GOOD | {LONG: 1}),
        json.dumps(GOOD | {f"{number}{LONG}": 1 for number in range(40)}),
        json.dumps(GOOD)[:-1] + f', "{LONG}": 1, "{LONG}": 1}}',
        json.dumps(GOOD | {f"field{number}": 1 for number in range(9_000)}),
        json.dumps(GOOD | {"columns": "mapped", "mapping": {LONG: "name"}}),
        json.dumps(GOOD | {"columns": "mapped", "mapping": {"Contato": LONG}}),
        json.dumps(GOOD | {"corrections": {LONG: {f"{number:x}": 1 for number in range(9_000)}}}),
    ],
    ids=["a name", "names", "a name twice", "many names", "a header", "a field", "a row"],
)
def test_a_refusal_is_short_however_long_the_names_are_that_a_caller_wrote(data: str) -> None:
    """Each error within a field would repeat its name: 258 KB took gigabytes."""
    tracemalloc.start()
    try:
        refused = refusal(data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(refused.detail) < 3_000
    assert all(len(detail.pointer or "") < 600 for detail in refused.errors)
    assert most < 30_000_000


def test_a_refusal_names_the_first_of_many_and_how_many_more() -> None:
    refused = refusal(json.dumps(GOOD | {f"field_{number:03}": 1 for number in range(50)}))
    assert refused.detail.startswith("Fields of `data` are not valid: field_000, field_001, ")
    assert refused.detail.endswith(", field_019… (+30)")


def test_a_header_of_the_longest_name_is_pointed_to() -> None:
    header = "/" * 255
    refused = refusal(changed(columns="mapped", mapping={header: "no field"}))
    assert [detail.pointer for detail in refused.errors] == ["/mapping/" + "~1" * 255]


def test_the_refusal_does_not_repeat_the_value() -> None:
    refused = refusal(changed(account_id="maria@exemplo.com.br"))
    assert "maria" not in repr(refused)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "tag_ids", "on_invalid_row", "x"]), json_values))
def test_any_json_is_read_or_refused(content: dict[str, Any]) -> None:
    try:
        read = read_request(json.dumps(content))
    except Refused as refused:
        assert refused.code in ("data_invalid", "data_not_json")
    else:
        assert 1 <= len(read.name) <= 255
        assert read.name == read.name.strip()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        read_request(data)


def test_columns_are_kept_only_where_they_may_have_any_name() -> None:
    assert read_request(changed(columns="mapped", extra_columns="keep")).keeps_columns
    assert not read_request(changed(columns="mapped")).keeps_columns
    assert refusal(changed(extra_columns="keep")).code == "data_invalid"
    assert refusal(changed(columns="mapped", extra_columns="all")).code == "data_invalid"
    assert refusal(changed(silent="yes")).code == "data_invalid"
