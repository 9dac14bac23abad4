"""The JSON that a call sends, whatever characters its texts and names are made of."""

import asyncio
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, RootModel
from starlette.requests import Request

from libs.common.web.refusals import Refused, pointer_to
from services.leads.http import sent_body
from services.leads.http.sent_body import read_body

texts = st.lists(st.sampled_from(["\0", "\\", "u0000", "a", "é", '"', "\n", "😀"]), max_size=8).map("".join)
any_json = st.recursive(
    texts | st.none() | st.booleans() | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


class Anything(RootModel[Any]):
    """Any JSON."""


def read(body: bytes, model: type[BaseModel] = Anything) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    found = asyncio.run(read_body(request, model, most_bytes=100_000))
    return found.root if isinstance(found, Anything) else found


def without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [without_nul(each) for each in value]
    if isinstance(value, dict):
        return {without_nul(name): without_nul(each) for name, each in value.items()}
    return value


@given(sent=any_json, is_ascii=st.booleans())
def test_nul_is_taken_out_of_every_text_and_name_and_nothing_else_is(sent: Any, is_ascii: bool) -> None:
    assert read(json.dumps(sent, ensure_ascii=is_ascii).encode()) == without_nul(sent)


@pytest.mark.parametrize(
    ("sent", "pointers"),
    [
        ("\ud83d", [""]),
        ({"name": "Ana \ud83d"}, ["/name"]),
        ({"filter": {"custom": {"plan": ["x", "\udc00"]}}}, ["/filter/custom/plan/1"]),
        ({"a\ud83d": 1, "b": "whole \U0001f600"}, ["/a\ud83d"]),
        ({"b": "\ud83d", "a": "\ude00"}, ["/a", "/b"]),
    ],
)
def test_half_a_character_is_refused_where_it_stands(sent: Any, pointers: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        read(json.dumps(sent).encode())
    assert sorted(each.pointer or "" for each in caught.value.errors) == pointers
    assert caught.value.code == "request_invalid"
    assert caught.value.total_errors == len(pointers)


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": "\\ud83d"', b"[" * 9_000, b"\xff"])
def test_what_is_no_json_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read(body)
    assert [each.code for each in caught.value.errors] == ["json_invalid"]


def test_a_refusal_is_short_however_long_and_deep_the_names_are_that_a_caller_wrote() -> None:
    half = ["\ud83d"] * 300
    for sent in ({"n" * 5_000: half}, {"deep": nested({"n" * 5_000: half}, 100)}):
        with pytest.raises(Refused) as refused:
            read(json.dumps(sent).encode())
        assert refused.value.total_errors == len(half)
        assert len(refused.value.detail) < 3_000
        assert all(len(detail.pointer or "") < 600 for detail in refused.value.errors)


class Strict(BaseModel):
    """A body with one field."""

    model_config = ConfigDict(extra="forbid")

    ids: list[int] = []


@pytest.mark.parametrize(
    ("sent", "total", "pointers"),
    [
        ({f"{number:x}": 1 for number in range(7_500)}, 7_500, [""]),
        ({f"{number:04}": 1 for number in range(1_000)}, 1_000, [f"/{number:04}" for number in range(100)]),
        ({"ids": ["x"] * 1_000}, 1_000, [f"/ids/{number}" for number in range(100)]),
        (["\ud83d"] * 6_000, 6_000, [f"/{number}" for number in range(100)]),
    ],
    ids=["more than enough", "unknown fields", "wrong ids", "half characters"],
)
def test_of_what_is_wrong_in_many_places_only_what_is_told_is_made(
    sent: Any, total: int, pointers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All calls wait meanwhile, and whoever sends the form has no token."""
    made: list[str] = []

    def counted(*steps: str | int) -> str:
        made.append(pointer_to(*steps))
        return made[-1]

    monkeypatch.setattr(sent_body, "pointer_to", counted)
    with pytest.raises(Refused) as refused:
        read(json.dumps(sent).encode(), Strict)
    assert refused.value.total_errors == total
    assert [each.pointer for each in refused.value.errors] == pointers
    assert len(made) <= 100


def test_where_half_a_character_stands_is_looked_for_with_no_copy_of_the_way_to_each_place() -> None:
    deep = nested_lists(["\ud83d", *[1] * 30_000], 180)
    tracemalloc.start()
    try:
        with pytest.raises(Refused) as refused:
            read(json.dumps(deep).encode())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.total_errors == 1
    assert most < 5_000_000


def nested_lists(inner: Any, times: int) -> Any:
    return inner if times == 0 else [nested_lists(inner, times - 1)]


def nested(inner: Any, times: int) -> Any:
    return inner if times == 0 else {"in": nested(inner, times - 1)}


def test_a_body_whose_sender_has_gone_is_refused_and_is_no_fault_of_ours() -> None:
    """It was an error in the log and a 500 in the metrics, and whoever sends the public form has no token."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b'{"name"', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(Refused) as caught:
        asyncio.run(read_body(request, Anything, most_bytes=100_000))
    assert (caught.value.code, caught.value.total_errors) == ("request_invalid", 1)
