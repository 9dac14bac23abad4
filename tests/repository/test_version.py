"""The version stands in pyproject.toml; wherever else it stands, it is that one.

That the api says it is seen in tests/e2e.
"""

import re

from libs.common.version import VERSION
from tests.support.manifests import project_version
from tests.support.stack import ROOT


def test_the_code_says_the_projects_version() -> None:
    assert project_version() == VERSION


def test_every_tag_of_the_image_is_the_version() -> None:
    """Compose and kustomize are also held to it in tests/unit."""
    files = [ROOT / "docker-compose.yml", *(ROOT / "deploy").rglob("*.y*ml"), *(ROOT / "deploy").rglob("*.md")]
    tags = {tag for path in files for tag in re.findall(r"\bleadflow:(\d[\w.]*)", path.read_text())}
    tags |= {
        tag
        for path in (ROOT / "deploy" / "k8s").rglob("kustomization.yaml")
        for tag in re.findall(r"newTag: (\S+)", path.read_text())
    }
    assert tags == {VERSION}


def test_the_changelog_has_what_is_not_released_on_top_and_then_this_version() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(VERSION)}\] - \d{{4}}-\d\d-\d\d", headings[1])
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])
