"""``make contracts``: write the JSON Schemas of all topics from their events, unless that breaks a reader.

``--check`` writes nothing. How an event is changed: docs/guide/changing-events.md.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docs.compatibility import Break, Schema, bare, breaks
from docs.published_schemas import PUBLISHED, Shelf, lost, published_before, published_in, text_of
from libs.common.topics import Registry, Topic
from libs.contracts.message_schemas import schema_of
from libs.contracts.registry import registries

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = ROOT / "libs" / "contracts"


@dataclass(frozen=True, slots=True)
class Change:
    """What of a topic's event was promised otherwise, and what is to be written when that breaks nobody."""

    broken: Mapping[int, list[Break]]
    """By the number of the published schema whose readers it breaks."""
    writes: bool
    publishes: int | None
    """The number under which the schema is to be published, when it demands something new."""


def change_of(schema: Schema, newest: Schema | None, published: Mapping[int, Schema]) -> Change:
    """Compare an event's schema with the one that is written and with all that were ever published of its topic."""
    demanded = bare(schema)
    found = {number: breaks(each, demanded) for number, each in published.items()}
    last = max(published, default=0)
    return Change(
        broken={number: each for number, each in found.items() if each},
        writes=schema != newest,
        publishes=None if published.get(last) == demanded else last + 1,
    )


def readers_of(topic: Topic[Any]) -> list[str]:
    """Return who relies on a topic."""
    return [*topic.readers, *(["other teams"] if topic.public else [])] or ["whoever reads it (no service is declared)"]


def explained(topic: Topic[Any], broken: Mapping[int, Sequence[Break]]) -> str:
    """Say whom a change breaks, where, and what to do instead."""
    readers = " and ".join(readers_of(topic))
    lines = dict.fromkeys(
        f"    {each.path} {each.what}: breaks {readers}, {each.reader}" for found in broken.values() for each in found
    )
    name, _, version = topic.name.rpartition(".v")
    following = f"{name}.v{int(version) + 1}" if version.isdigit() else "of the next version"
    return "\n".join(
        [
            f"{topic.name} ({topic.event.__name__}) may not change so:",
            *lines,
            f"  Within a version fields are only added, with a default. For anything else declare a topic {following}",
            "  beside it, and move the readers: docs/guide/changing-events.md.",
            f"  Was it published on this branch alone? Then delete {_files(topic, broken)}, and run this again.",
        ]
    )


def _files(topic: Topic[Any], numbers: Iterable[int]) -> str:
    return ", ".join(f"schemas/{PUBLISHED}/{topic.name}/{number}.json" for number in sorted(numbers))


def refusals(registry: Registry, shelf: Shelf) -> list[str]:
    """Return what of an owner's events would break somebody."""
    found = [explained(topic, change.broken) for topic, change in _changes(registry, shelf) if change.broken]
    gone = sorted(shelf.topics() - {topic.name for topic in registry.topics})
    return found + [
        f"{topic} is promised, but no longer declared: its readers would wait for ever.\n"
        f"  When nobody reads it any more, delete its files in {shelf.folder.parent.name}/schemas and examples."
        for topic in gone
    ]


def stale_schemas(registry: Registry, shelf: Shelf, *, write: bool) -> list[Path]:
    """Return the schemas that are not what the events say, and write them when asked to."""
    stale: list[Path] = []
    for topic, change in _changes(registry, shelf):
        schema = schema_of(topic)
        due = {shelf.newest_path(topic.name): schema} if change.writes else {}
        if change.publishes is not None:
            due[shelf.published_path(topic.name, change.publishes)] = bare(schema)
        stale += due
        if write:
            for path, held in due.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text_of(held), encoding="utf-8")
    return stale


def _changes(registry: Registry, shelf: Shelf) -> Iterable[tuple[Topic[Any], Change]]:
    for topic in registry.topics:
        yield topic, change_of(schema_of(topic), shelf.newest(topic.name), shelf.published(topic.name))


def shelves(contracts: Path = CONTRACTS) -> list[tuple[Registry, Shelf]]:
    return [(registry, Shelf(contracts / registry.owner / "schemas")) for registry in registries()]


def all_refusals(contracts: Path = CONTRACTS) -> list[str]:
    """Return everything for which nothing may be written: broken readers, and promises that were tampered with."""
    found = [refusal for registry, shelf in shelves(contracts) for refusal in refusals(registry, shelf)]
    declared = {topic.name for registry in registries() for topic in registry.topics}
    now = published_in(contracts)
    changed = {place for before in published_before(contracts) for place in lost(before, now, declared)}
    return found + [
        f"schemas/{PUBLISHED}/{place}: readers were promised it as it was. Restore it from the main branch."
        for place in sorted(changed)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make contracts", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a schema is stale")
    given = parser.parse_args()
    refused = all_refusals()
    if refused:
        sys.exit("\n\n".join([*refused, "Nothing was written."]))
    stale = [
        str(path.relative_to(ROOT))
        for registry, shelf in shelves()
        for path in stale_schemas(registry, shelf, write=not given.check)
    ]
    if given.check and stale:
        sys.exit(f"Stale: {', '.join(stale)}. Run `make contracts`.")
    sys.stdout.write(f"{'Written' if stale else 'Nothing to write'}{': ' * bool(stale)}{', '.join(stale)}\n")


if __name__ == "__main__":
    main()
