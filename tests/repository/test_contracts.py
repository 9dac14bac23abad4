"""What services and other teams were promised of every topic still holds, and its schemas are what the events say."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.compatibility import bare, breaks
from docs.make_contracts import CONTRACTS, all_refusals, shelves, stale_schemas
from docs.published_schemas import Shelf
from libs.common.topics import Topic
from tests.support.stack import ROOT

TOPICS = [pytest.param(topic, shelf, id=topic.name) for registry, shelf in shelves() for topic in registry.topics]


def test_no_event_breaks_a_reader() -> None:
    """How an event is changed: docs/guide/changing-events.md."""
    refused = all_refusals()
    assert not refused, "\n\n".join(refused)


def test_every_schema_is_what_its_event_says() -> None:
    stale = [path for registry, shelf in shelves() for path in stale_schemas(registry, shelf, write=False)]
    names = [str(path.relative_to(ROOT)) for path in stale]
    assert not names, f"Run `make contracts`. Stale: {', '.join(names)}"


@pytest.mark.parametrize(("topic", "shelf"), TOPICS)
def test_what_was_published_is_numbered_without_a_gap_and_each_only_adds_to_the_one_before(
    topic: Topic[Any], shelf: Shelf
) -> None:
    """A file that was written by hand does not get past ``make contracts`` either."""
    published = shelf.published(topic.name)
    assert [*published] == [*range(1, len(published) + 1)]
    for number, schema in published.items():
        assert schema == bare(schema)
        for earlier in range(1, number):
            assert breaks(published[earlier], schema) == []


def test_every_file_among_the_schemas_is_a_topic_s() -> None:
    known: set[Path] = set()
    for registry, shelf in shelves():
        for topic in registry.topics:
            known.add(shelf.newest_path(topic.name))
            known |= {shelf.published_path(topic.name, number) for number in shelf.published(topic.name)}
    assert {path for path in CONTRACTS.glob("*/schemas/**/*") if path.is_file()} == known


def test_ci_knows_the_commit_before_so_that_it_notices_a_published_file_that_was_changed() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (checkout,) = [
        step for job in workflow["jobs"].values() for step in job["steps"] if "checkout" in step.get("uses", "")
    ]
    assert checkout["with"]["fetch-depth"] == 2
