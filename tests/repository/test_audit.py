"""The scheduled look for known holes: a job file that is what the workflow schema allows and finds its files."""

import importlib.resources
import json
import re
from typing import Any

import yaml
from jsonschema import Draft7Validator

from tests.support.stack import ROOT

PATH = ROOT / ".github" / "workflows" / "audit.yml"


def workflow() -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(PATH.read_text())
    # YAML 1.1 reads the key "on" as true; GitHub does not.
    found["on"] = found.pop(True)
    return found


def test_the_job_is_a_valid_workflow_that_runs_every_week() -> None:
    job = workflow()
    folder = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "github-workflows.json").read_text())
    assert [error.message for error in Draft7Validator(schema).iter_errors(job)] == []
    ((minute, hour, day, month, weekday),) = [each["cron"].split() for each in job["on"]["schedule"]]
    assert (day, month) == ("*", "*")
    assert minute.isdigit()
    assert hour.isdigit()
    assert weekday.isdigit()


def test_it_audits_every_file_of_hashed_requirements() -> None:
    job = workflow()["jobs"]["pip-audit"]
    files = {path.stem for path in (ROOT / "requirements").glob("*.txt")}
    assert set(job["strategy"]["matrix"]["requirements"]) == files
    command = next(step["run"] for step in job["steps"] if step.get("run", "").startswith("pip-audit "))
    assert "--require-hashes" in command
    assert re.search(r"requirements/\$\{\{ matrix\.requirements \}\}\.txt$", command)
