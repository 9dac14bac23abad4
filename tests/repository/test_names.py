"""A name stands once, or means the same wherever it stands: who looks for it finds one place."""

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.support.stack import ROOT

HOUSE = ("libs", "services", "deploy", "migrations", "docs")

SAME_IN_EVERY_ROOM = {"__init__", "__main__", "main", "handlers", "domain", "store", "settings", "events", "topics"}
"""Modules that every room or owner has."""
SAME_OF_TWO_THINGS = {
    "health": "whether something is well: a consumer, a process over HTTP, the api, a process of the local stack",
    "messages": "the model of all messages, and an owner's own",
    "metrics": "what a part of the kit counts",
    "mongo": "the driver as services use it, the server as the local stack runs it",
    "postgres": "as mongo",
    "problems": "answers that refuse: how, and the api's own",
    "registry": "an owner's topics, and those of all owners",
    "seed": "the demo's data, for the local stack and for containers",
}
CLASSES_OF_EVERY_ROOM = {"Settings", "Store"}
BANNED = re.compile(r"utils?|helpers?|manager|base")


def files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *(f"{place}/**.py" for place in HOUSE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [ROOT / name for name in listed.stdout.splitlines()]
    return [path for path in found if path.exists()]


def repeated(names_of: Callable[[Path], Iterable[str]]) -> dict[str, list[str]]:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in files():
        for name in names_of(path):
            places[name].append(str(path.relative_to(ROOT)))
    return {name: found for name, found in places.items() if len(found) > 1}


def classes_of(path: Path) -> list[str]:
    return [node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]


def test_no_two_modules_share_a_name_that_means_different_things() -> None:
    found = repeated(lambda path: [path.stem])
    assert {
        name: places for name, places in found.items() if name not in SAME_IN_EVERY_ROOM | set(SAME_OF_TWO_THINGS)
    } == {}


def test_no_exception_is_kept_for_a_name_that_stands_once() -> None:
    assert set(SAME_OF_TWO_THINGS) <= set(repeated(lambda path: [path.stem]))


def test_no_two_classes_share_a_name_that_means_different_things() -> None:
    assert {name: places for name, places in repeated(classes_of).items() if name not in CLASSES_OF_EVERY_ROOM} == {}


def test_no_module_is_named_by_what_it_does_not_say() -> None:
    assert [str(path) for path in files() if BANNED.fullmatch(path.stem)] == []


def test_no_file_is_longer_than_400_lines() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    assert {name: count for name, count in lines.items() if count > 400} == {}
