"""The reference pages say what the code does: their tables are written from it, and hold all of it."""

import re

import pytest

from bench.figures import PARTS, load, load_all
from bench.figures import table as figures_table
from bench.shipped import LIMITS, defaults, settings_by_service
from docs.make_reference import BLOCKS, blocks_in, pages, stale_pages
from docs.settings_page import docstrings_of
from libs.contracts.lead_import.internal.topics import DEAD_LETTERS
from libs.contracts.lead_import.registry import REGISTRY
from libs.contracts.lead_import.topics import IMPORT_FINISHED
from libs.contracts.registry import registries
from services.api.http.problems import PROBLEMS
from services.api.reasons import KEPT_REASONS, ROW_ERRORS, SETTLED_REASONS
from tests.support.stack import ROOT
from tests.support.tables import table, tables

ERRORS, EVENTS = "docs/reference/errors.md", "docs/reference/events.md"
SETTINGS = settings_by_service()


def test_no_page_is_stale() -> None:
    """``make reference`` writes them anew."""
    assert [str(page.relative_to(ROOT)) for page in stale_pages(write=False)] == []


def test_every_table_that_can_be_made_stands_in_one_page() -> None:
    found = [name for page in pages() for name in blocks_in(page.read_text())]
    assert sorted(found) == sorted(BLOCKS)


def test_every_problem_code_stands_in_the_docs_with_its_status_and_remedy() -> None:
    documented = {row[0]: (int(row[1]), row[2], row[3].replace("\\|", "|")) for row in table(ERRORS, "## Answers")}
    assert documented == {code: (each.status, each.title, each.remedy) for code, each in PROBLEMS.items()}


def test_every_row_error_stands_in_the_docs() -> None:
    assert dict(table(ERRORS, "## Errors of a row")) == ROW_ERRORS


def test_every_reason_of_a_settled_row_stands_in_the_docs() -> None:
    assert dict(table(ERRORS, "## Reasons of a row that was accepted")) == SETTLED_REASONS


def test_every_reason_of_a_kept_lead_stands_in_the_docs() -> None:
    assert dict(table(ERRORS, "## Reasons of a lead that an undo kept")) == KEPT_REASONS


def test_the_topic_map_is_the_registry() -> None:
    documented = {row[0]: (row[1], row[2], row[4]) for row in table(EVENTS, "## Topics")}
    expected = {
        topic.name: (topic.owner, ", ".join(topic.readers) or "—", f"{topic.retention_hours} h")
        for registry in registries()
        for topic in registry.topics
    }
    for registry in registries():
        letters = registry.dead_letters
        if letters is None:
            continue
        readers, kept = ", ".join(letters.readers) or "—", f"{letters.retention_hours} h"
        expected[letters.topic] = (f"consumers of {registry.owner}", readers, kept)
    assert documented == expected
    assert documented[DEAD_LETTERS.topic] == ("consumers of lead_import", "finalizer", "336 h")


def test_chunks_are_keyed_so_that_they_spread_and_ends_of_imports_so_that_they_meet() -> None:
    ours = {topic.name for topic in REGISTRY.topics} | {DEAD_LETTERS.topic}
    keys = {row[0]: row[3] for row in table(EVENTS, "## Topics") if row[0] in ours}
    spread = {
        topic.name for topic in REGISTRY.topics if topic.name.endswith(("accepted.v1", "deduplicated.v1", "tagged.v1"))
    }
    spread -= {topic.name for topic in REGISTRY.topics if topic.public}
    assert keys == {name: "`import_id`:`chunk_index`" if name in spread else "import_id" for name in keys}


def test_the_event_catalogue_is_the_public_part_of_the_registry() -> None:
    documented = {row[0]: row[1] for row in table(EVENTS, "## Public events")}
    topics = [topic for registry in registries() for topic in registry.topics if topic.public]
    assert documented == {topic.name: topic.event_type for topic in topics}
    keys = {row[0]: row[2] for row in table(EVENTS, "## Public events")}
    assert {keys[topic.name] for topic in REGISTRY.topics if topic.public} == {"import_id"}
    fields = [row[0] for row in table(EVENTS, f"### {IMPORT_FINISHED.event_type}")]
    assert fields == list(IMPORT_FINISHED.event.model_fields)


def test_every_topic_links_its_schema() -> None:
    linked = {row[0]: row[6] for row in table(EVENTS, "## Topics")}
    expected: dict[str, str] = {}
    for registry in registries():
        folder = f"../../libs/contracts/{registry.owner}/schemas"
        expected |= {topic.name: f"[schema]({folder}/{topic.name}.json)" for topic in registry.topics}
        if registry.dead_letters:
            expected[registry.dead_letters.topic] = "raw bytes"
    assert linked == expected


def test_every_header_that_the_kit_gives_a_dead_letter_stands_in_the_docs() -> None:
    given = {DEAD_LETTERS.piece_header}
    for path in (ROOT / "libs" / "common" / "kafka").glob("*.py"):
        given |= set(re.findall(r'"(x-[a-z-]+)"', path.read_text()))
    documented = {row[0] for row in table(EVENTS, "## Dead letters")}
    assert {name.removesuffix("ce_type") for name in documented} == given


def test_every_setting_stands_in_the_docs_with_its_default() -> None:
    _, *sections = tables("docs/reference/settings.md")
    documented = {row[0]: row[1] for section in sections for row in section}
    expected = {}
    for settings in SETTINGS.values():
        for name, field in settings.model_fields.items():
            default = field.get_default()
            secret = default is not None and "Secret" in type(default).__name__
            expected[f"LEADFLOW_{name.upper()}"] = "(see above)" if secret else "—" if default is None else str(default)
    assert documented == expected


@pytest.mark.parametrize("service", SETTINGS)
def test_every_setting_says_what_it_is(service: str) -> None:
    said: dict[str, str] = {}
    for declaring in SETTINGS[service].__mro__:
        if declaring.__module__.startswith(("libs.", "services.")):
            said |= docstrings_of(declaring)
    assert set(SETTINGS[service].model_fields) - set(said) == set()


def test_the_figures_are_those_of_the_last_measurement() -> None:
    measured = load_all()
    assert [part.name for part in measured] == [*PARTS]
    assert f"\n{figures_table(measured)}\n" in (ROOT / "docs/reference/figures.md").read_text()


def test_figures_that_were_not_taken_as_it_is_shipped_are_marked() -> None:
    marks = {row[0]: row[5] for row in table("docs/reference/figures.md", "# Figures")}
    shipped = defaults()
    for name in PARTS:
        part = load(name)
        assert part is not None
        assert set(part.settings) <= set(shipped), "what was set is a setting"
        decides = {each for each, value in part.settings.items() if value != shipped[each]} - set(LIMITS)
        found = {marks[f"{figure.name} ({figure.unit})"] for figure in part.figures}
        assert found == ({"**others ‡**"} if decides else {"limits †"}), name
    scale_out = load("scale_out")
    assert scale_out is not None
    assert {"LEADFLOW_CREATOR_CONSUMERS", "LEADFLOW_TOPIC_PARTITIONS", "LEADFLOW_WINDOW_ALONE"} <= set(
        scale_out.settings
    )


def test_every_promise_is_proved_by_a_test_of_that_name() -> None:
    section = (ROOT / "docs" / "reference" / "promises.md").read_text()
    named = re.findall(r"^\| .* \| `(test_\w+)` \|$", section, re.MULTILINE)
    # A table begins with its header and a line of dashes.
    rows = len(re.findall(r"^\| ", section, re.MULTILINE)) - 2 * section.count("| --- |")
    assert len(named) == rows
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in named if f"def {name}(" not in tests] == []
