"""While a report is made, the event loop answers others: whatever takes long is done in threads."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest

from libs.common.web.made_files import MadeFile, Portions, lines
from libs.common.web.refusals import Refused
from libs.common.web.shares import PlacesInTurn, Shares
from libs.contracts.lead_import.words import LANGUAGES, words
from libs.spreadsheets.writing import XlsxWriter, csv_rows
from services.api.http import reports
from services.api.http.store import Scope, Store

ROWS: list[dict[str, Any]] = [
    {"row_number": number, "outcome": "error", "reason": "name_missing", "detail": "", "cells": ["x"] * 5}
    for number in range(2, 5)
]


async def rows(*_: Any, after: int, **__: Any) -> list[dict[str, Any]]:
    """Give one row a time, as a store does whose rows are large."""
    return [row for row in ROWS if row["row_number"] > after][:1]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_report_that_cannot_be_begun_holds_no_place(kind: Literal["csv", "xlsx"]) -> None:
    places = Shares(2)
    wanted = reports.Wanted(
        Scope(1, None), {"id": 1, "reasons": {}, "file": {"headers": [None] * 5}}, None, None, words(LANGUAGES[0])
    )
    with pytest.raises(TypeError):
        reports.download(cast(Store, None), wanted, kind=kind, place=places.one(1, code="busy"), reads=PlacesInTurn(2))
    assert places.held_by(1) == 0


def test_a_file_that_finds_no_place_is_refused_and_takes_none() -> None:
    places = Shares(2)
    places.take(1)
    with pytest.raises(Refused) as caught:
        MadeFile(lines(b"", cast(Portions, None), lambda _: b""), places.one(1, code="busy"))
    assert (caught.value.code, places.held_by(1)) == ("busy", 1)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_cells_are_written_in_threads(kind: Literal["csv", "xlsx"], monkeypatch: pytest.MonkeyPatch) -> None:
    wrote: list[tuple[str, int]] = []

    def noted(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            wrote.append((name, threading.get_ident()))
            return work(*given, **named)

        return call

    def noted_blocks(finish: Callable[..., Iterable[bytes]]) -> Callable[..., Iterator[bytes]]:
        def blocks(*given: Any) -> Iterator[bytes]:
            wrote.append(("finish", threading.get_ident()))
            yield from finish(*given)

        return blocks

    monkeypatch.setattr(reports, "csv_rows", noted("rows", csv_rows))
    monkeypatch.setattr(XlsxWriter, "__init__", noted("begin", XlsxWriter.__init__))
    monkeypatch.setattr(XlsxWriter, "add", noted("rows", XlsxWriter.add))
    monkeypatch.setattr(XlsxWriter, "finish", noted_blocks(XlsxWriter.finish))
    wanted = reports.Wanted(Scope(1, None), {"id": 1, "reasons": {}, "file": None}, None, None, words(LANGUAGES[0]))
    store = cast(Store, SimpleNamespace(rows=rows))
    report = reports.download(store, wanted, kind=kind, place=nullcontext(), reads=PlacesInTurn(2))
    sent: list[bytes] = []

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    async def receive() -> Any:
        raise AssertionError("a report reads no body")

    await report({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send)
    assert len(b"".join(sent)) > 50
    names = [name for name, _ in wrote]
    assert names == (["rows"] * 3 if kind == "csv" else ["begin", *["rows"] * 3, "finish"])
    assert threading.get_ident() not in {thread for _, thread in wrote}
