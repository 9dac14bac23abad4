"""The documents agree with each other and with what is there: links, paths, lists, decisions, the licence."""

import re
from collections import Counter
from pathlib import Path

import pytest

from docs.settings_page import anchor
from tests.support.stack import ROOT
from tests.support.tables import table

PATTERNS = ("*.md", "docs/**/*.md", "deploy/**/*.md", "examples/*.md", "tests/**/*.md", ".github/**/*.md")
PAGES = [path for pattern in PATTERNS for path in sorted(ROOT.glob(pattern))]
DECISIONS = ROOT / "docs" / "decisions"
RECORDS = sorted(DECISIONS.glob("0*.md"))
PLACES = "libs|services|migrations|deploy|bench|examples|docs|tests|requirements"


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def headings(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, fragment in re.findall(r"\]\((?!https?:)([^)#\s]*)(#[^)]*)?\)", page.read_text()):
        if page.name == "template.md" and target == "0000-slug.md":
            continue
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), f"{page.name} links {target}"
        if fragment:
            assert fragment[1:] in headings(linked), f"{page.name} links {target}{fragment}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name_of)
def test_every_path_that_is_named_is_there(page: Path) -> None:
    named = re.findall(rf"`((?:{PLACES})/[\w./-]+)`", page.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_house_is_as_it_is_drawn() -> None:
    house = (ROOT / "ARCHITECTURE.md").read_text().split("\n## The house\n", 1)[1]
    drawn = re.findall(rf"^    ((?:{PLACES})/[\w/]*)", house, re.MULTILINE)
    assert [path for path in drawn if not (ROOT / path).is_dir()] == []
    libs = {f"libs/{path.name}/" for path in (ROOT / "libs").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {path for path in drawn if path.startswith("libs/")} == libs


@pytest.mark.parametrize("folder", ["guide", "reference"])
def test_the_index_lists_the_folder(folder: str) -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    listed = Counter(re.findall(rf"^- \[([\w-]+\.md)\]\({folder}/\1\): ", index, re.MULTILINE))
    assert listed == Counter(path.name for path in (ROOT / "docs" / folder).glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_picture_is_of_a_kind_that_is_drawn(page: Path) -> None:
    for picture in re.findall(r"^```mermaid\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        first, *rest = picture.splitlines()
        assert re.fullmatch(r"flowchart (LR|TB)|sequenceDiagram", first), first
        for opening, closing in ("[]", "()", "{}"):
            assert picture.count(opening) == picture.count(closing)
        assert picture.count("subgraph") == [line.strip() for line in rest].count("end")


def test_the_index_of_decisions_is_what_the_records_say() -> None:
    rows = table("docs/decisions/README.md", "# Decisions")
    expected = []
    for record in RECORDS:
        found = re.match(r"# (\d+)\. (.*)\n\nStatus: (.*) · Date: (\d{4}-\d\d-\d\d)\n\n", record.read_text())
        assert found, f"{record.name}: title, status and date as in template.md"
        number, title, status, date = found.groups()
        expected.append([f"[{int(number):04d}]({record.name})", title, status, date])
    assert rows == expected


def test_decisions_are_numbered_without_a_gap_and_have_the_template_s_parts() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == [*range(1, len(RECORDS) + 1)]
    for record in RECORDS:
        text = record.read_text()
        assert re.match(rf"# {int(record.name[:4])}\. ", text)
        parts = re.findall(r"^\*\*(Context|Decision|Consequences)\.\*\*", text, re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences"], record.name
        assert re.search(r"^Status: (Accepted|Proposed|Superseded)", text, re.MULTILINE)


def test_every_dependency_has_its_line_in_the_architecture() -> None:
    explained = " ".join(row[1] for row in table("ARCHITECTURE.md", "## Dependencies")).lower()
    wanted = set()
    for path in (ROOT / "requirements").glob("*.in"):
        wanted |= set(re.findall(r"^([a-z][\w-]*)", path.read_text(), re.MULTILINE))
    assert {name for name in wanted if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", explained)} == set()


def test_the_licence_is_the_one_that_the_project_names() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert re.search(r"Apache License\s+Version 2\.0", text)
    assert '\nlicense = "Apache-2.0"\n' in (ROOT / "pyproject.toml").read_text()
