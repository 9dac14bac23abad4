"""The console: what a first visit loads, its words for every code, and no host or address in its lock file."""

import gzip
import json
import re

import pytest

from libs.contracts.lead_import.words import LANGUAGES, words
from tests.support.stack import ROOT

CONSOLE = ROOT / "console"
BUILT = CONSOLE / "dist"
FIRST_LOAD = 150_000
"""Bytes on the line, compressed: a second on a slow mobile network."""


def test_a_first_visit_loads_little() -> None:
    """``make setup`` has built it. Fonts come afterwards; the longer of the two languages counts."""
    manifest = json.loads((BUILT / "manifest.json").read_text())
    first = manifest["index.html"]
    names = {first["file"], *first.get("css", [])}
    waiting = list(first.get("imports", []))
    while waiting:
        chunk = manifest[waiting.pop()]
        names |= {chunk["file"], *chunk.get("css", [])}
        waiting += chunk.get("imports", [])
    languages = [manifest[name]["file"] for name in manifest if name.startswith("made/words/")]
    assert len(languages) == 2
    size = sum(map(_sent, names)) + max(map(_sent, languages)) + _sent("index.html")
    assert size <= FIRST_LOAD, f"{size:,} bytes"


def _sent(name: str) -> int:
    return len(gzip.compress((BUILT / name).read_bytes(), 6))


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((CONSOLE / "package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert packages
    assert [name for name, each in packages.items() if "resolved" in each] == []
    assert [name for name, each in packages.items() if not each.get("integrity") and not each.get("inBundle")] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_of_rows_has_a_label(language: str) -> None:
    """Of the catalogue: the console has no words of its own for a code."""
    said = words(language)
    assert said.labels.keys() == said.messages.keys()
    own = json.loads((CONSOLE / "src" / "words" / f"{language}.json").read_text())
    assert [name for name in own if name.startswith("reason.")] == []


def test_versions_are_pinned() -> None:
    package = json.loads((CONSOLE / "package.json").read_text())
    wanted = package["dependencies"] | package["devDependencies"]
    assert [name for name, version in wanted.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
