"""Files that the forge and editors read: valid by their schemas, and they run what the reader of the README runs."""

import importlib.resources
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.support.stack import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = [path for path in sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) if path.name != "config.yml"]


def schema(name: str) -> Draft7Validator:
    folder = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    return Draft7Validator(json.loads((folder / f"{name}.json").read_text()))


def read(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    # YAML 1.1 reads the key "on" as true; GitHub does not.
    if True in found:
        found["on"] = found.pop(True)
    return found


def errors(path: Path, name: str) -> list[str]:
    return [error.message for error in schema(name).iter_errors(read(path))]


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_workflow_is_valid_ends_and_may_only_read_unless_a_job_says_more(path: Path) -> None:
    assert errors(path, "github-workflows") == []
    assert read(path)["permissions"] == {"contents": "read"}
    for job in read(path)["jobs"].values():
        assert job["timeout-minutes"] <= 60
    for step in steps(path):
        assert re.search(r"@v\d+$", step.get("uses", "@v1")), "actions are pinned to a version"


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_every_form_is_valid(path: Path) -> None:
    assert errors(path, "github-issue-forms") == []


def test_the_other_files_are_valid() -> None:
    assert errors(GITHUB / "ISSUE_TEMPLATE" / "config.yml", "github-issue-config") == []
    assert errors(GITHUB / "dependabot.yml", "dependabot") == []
    for update in read(GITHUB / "dependabot.yml")["updates"]:
        assert (ROOT / update["directory"].removeprefix("/")).is_dir()


def test_ci_runs_what_everybody_can_run() -> None:
    assert [step["run"] for step in steps(GITHUB / "workflows" / "ci.yml") if "run" in step] == [".ci/run"]
    commands = re.findall(r"^make .*$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert commands == ["make lint", "make test"]


def test_a_release_is_the_image_of_a_tag_that_is_the_version_with_its_sbom() -> None:
    path = GITHUB / "workflows" / "release.yml"
    assert read(path)["on"] == {"push": {"tags": ["v*"]}}
    checks = [step.get("run", "") for step in steps(path)]
    assert any("GITHUB_REF_NAME#v" in run and "pyproject.toml" in run for run in checks)
    (build,) = [step["with"] for step in steps(path) if step.get("uses", "").startswith("docker/build-push-action")]
    assert build["push"] is True
    assert build["sbom"] is True


def test_hooks_run_the_projects_own_tools_and_fetch_nothing() -> None:
    (repo,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repo["repo"] == "local"
    for hook in repo["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")


def test_the_devcontainer_has_a_python_that_the_project_runs_on() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    base = (ROOT / ".devcontainer" / container["build"]["dockerfile"]).read_text()
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert f"FROM python:{wanted.removeprefix('>=')}-" in base
    assert container["postCreateCommand"] == "make setup"
