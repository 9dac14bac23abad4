"""The JSON that a call sends, whatever characters its texts and names are made of."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import RootModel
from starlette.requests import Request

from libs.common.web.refusals import Refused
from services.leads.http.sent_body import read_body

texts = st.lists(st.sampled_from(["\0", "\\", "u0000", "a", "é", '"', "\n", "😀"]), max_size=8).map("".join)
any_json = st.recursive(
    texts | st.none() | st.booleans() | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


class Anything(RootModel[Any]):
    """Any JSON."""


def read(body: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    return asyncio.run(read_body(request, Anything, most_bytes=10_000)).root


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


def nested(inner: Any, times: int) -> Any:
    return inner if times == 0 else {"in": nested(inner, times - 1)}
