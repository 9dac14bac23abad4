"""Every port of ours has the same bounds."""

import re
from pathlib import Path

import pytest

from tests.support.stack import ROOT

SERVED = [
    path
    for folder in ("libs", "services")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if re.search(r"uvicorn\.(Config|run)\(", path.read_text())
]


@pytest.mark.parametrize("path", SERVED, ids=lambda path: str(path.relative_to(ROOT)))
def test_whoever_serves_http_bounds_its_connections(path: Path) -> None:
    text = path.read_text()
    for begin in re.finditer(r"uvicorn\.(Config|run)\(", text):
        assert "http=BoundedHttp" in text[begin.end() : begin.end() + 200]


@pytest.mark.parametrize("path", SERVED, ids=lambda path: str(path.relative_to(ROOT)))
def test_whoever_serves_http_believes_nobody_about_addresses(path: Path) -> None:
    text = path.read_text()
    for begin in re.finditer(r"uvicorn\.(Config|run)\(", text):
        assert "proxy_headers=False" in text[begin.end() : begin.end() + 500]


def test_all_that_serve_are_known() -> None:
    assert len(SERVED) >= 3
