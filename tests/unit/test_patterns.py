"""No regular expression takes more than linear time, whatever text of strangers it is given."""

import importlib
import inspect
import pkgutil
import re
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

import libs
import services

MANY = 20_000
ENOUGH_SECONDS = 0.75
"""Most take a hundredth of it, on a slow machine; one that begins anew at each place, and goes on to the end from
there, more than twice as long on a fast one."""
PIECES = (
    *("v ", "<v ", "<f ", "<row ", '<row r="', '<c r="A1" ', "<c ", "</v ", "</is ", "> ", ">", "<", "&", "&amp; "),
    *(' r="', 't="str"><v ', 't="str" ', "[h", "[", "\\", '"', '""', "'", "_x000D_", "_x", ": ", ":c ", "<!", "=", "?"),
    *(
        "a",
        "a ",
        " ",
        "  \t",
        "\n",
        "\r\n",
        "a\n",
        "1",
        "1 ",
        "(1",
        "+5",
        "-",
        "--",
        ".",
        "a.",
        "a@",
        "@",
        "@a.",
        ",",
        ";",
    ),
    *("a-", "%", "%2", "é", "=?", "é ", "0.", "1e", "e+", "hidden=", "/", "a/", "*=", "'' ", "\0", "x=1&", "a=b; "),
)
USED = re.compile(r"\b(_*[A-Z][A-Z0-9_]*)\.(match|fullmatch|search|findall|finditer|split|sub|subn)\b")
USES: dict[str, Callable[[Any, Any], Any]] = {
    "match": lambda pattern, text: pattern.match(text),
    "fullmatch": lambda pattern, text: pattern.fullmatch(text),
    "search": lambda pattern, text: pattern.search(text),
    "findall": lambda pattern, text: pattern.findall(text),
    "finditer": lambda pattern, text: list(pattern.finditer(text)),
    "split": lambda pattern, text: pattern.split(text),
    "sub": lambda pattern, text: pattern.sub(text[:0], text),
    "subn": lambda pattern, text: pattern.subn(text[:0], text),
}


def used_patterns() -> dict[str, tuple[Any, set[str]]]:
    """Return the patterns of our modules, by their text, and what they are asked for."""
    found: dict[str, Any] = {}
    uses: dict[str, set[str]] = defaultdict(set)
    for package in (libs, services):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if each.name.endswith("__main__"):
                continue
            module = importlib.import_module(each.name)
            for name, use in USED.findall(inspect.getsource(module)):
                pattern = getattr(module, name, None)
                if isinstance(pattern, re.Pattern):
                    key = f"{name} {pattern.pattern[:60]!r}"
                    found[key] = pattern
                    uses[key].add(use)
    return {key: (found[key], uses[key]) for key in sorted(found)}


PATTERNS = used_patterns()


def test_there_are_patterns_to_look_at() -> None:
    assert len(PATTERNS) > 50


@pytest.mark.parametrize("key", PATTERNS)
def test_a_text_of_many_like_pieces_is_looked_through_at_once(key: str) -> None:
    pattern, uses = PATTERNS[key]
    for use in sorted(uses):
        for piece in PIECES:
            text: str | bytes = piece * MANY
            if isinstance(pattern.pattern, bytes):
                text = piece.encode() * MANY
            began = time.thread_time()
            USES[use](pattern, text)
            assert time.thread_time() - began < ENOUGH_SECONDS, (use, piece)
