"""What the README says without running anything. What it shows as commands is run in tests/e2e/test_readme.py."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from fastapi import FastAPI

from bench.figures import PARTS, load_all
from bench.figures import table as figures_table
from libs.common.events.topics import IMPORT_FINISHED, TOPICS
from libs.common.web.health import health_routes
from services.api.http.routes import router
from tests.support.manifests import read_compose
from tests.support.readme import README, SUBSCRIBER
from tests.support.stack import ROOT
from tests.support.tables import table

PAGES = [path for pattern in ("*.md", "docs/**/*.md", "deploy/**/*.md") for path in ROOT.glob(pattern)]


def test_what_it_is_takes_five_lines() -> None:
    title, what = README.split("\n\n", 2)[:2]
    assert title == "# Leadflow"
    assert len(what.splitlines()) <= 5


def test_every_command_of_make_help_is_named() -> None:
    printed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    commands = set(re.findall(r"^  make (\w+)", printed, re.MULTILINE))
    (rest,) = re.findall(r"`make help` lists the rest: ([^.]*)\.", README)
    assert commands == {
        *re.findall(r"`(\w+)`", rest),
        *re.findall(r"^    make (\w+)(?: [A-Z]+=\w+)*$", README, re.MULTILINE),
        "help",
    }


def test_the_totals_shown_are_those_of_the_demo_s_file() -> None:
    promised = json.loads((ROOT / "examples" / "expected.json").read_bytes())["leads.csv"]
    totals = {name: promised[f"total_{name}"] for name in ("created", "existing", "errors", "rows")}
    shown = {
        name: int(count.replace(",", "")) for name, count in re.findall(r"^ +(\w+) +([\d,]+)$", README, re.MULTILINE)
    }
    assert shown == totals | promised["existing"]


def test_the_figures_are_those_of_the_last_measurement() -> None:
    measured = load_all()
    assert [part.name for part in measured] == [*PARTS]
    assert f"\n{figures_table(measured)}\n" in README


async def nobody() -> str | None:
    """Answer for health checks that nobody asks."""
    return None


def test_the_calls_are_those_of_the_api() -> None:
    app = FastAPI()
    app.include_router(router)
    answered = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    beside = [app.docs_url, app.openapi_url, *(route.path for route in health_routes(nobody))]
    answered |= {("GET", path) for path in beside}
    rows = " ".join(row[0] for row in table("README.md", "## Upload a file"))
    documented = re.findall(r"(?:([A-Z]+) )?(/[\w{}/.]+)", rows.replace("{id}", "{import_id}"))
    assert {(method or "GET", path) for method, path in documented} == answered


def test_the_event_catalogue_is_the_public_part_of_the_registry() -> None:
    documented = {row[0]: (row[1], row[2]) for row in table("README.md", "## Events")}
    assert documented == {topic.name: (topic.event_type, "import id") for topic in TOPICS if topic.public}
    (fields,) = re.findall(r"`lead:import-finished` holds `([^`]*)`", README)
    assert re.split(r",\s+", fields) == list(IMPORT_FINISHED.event.model_fields)


def test_another_service_subscribes_in_ten_lines() -> None:
    assert len([line for line in SUBSCRIBER.splitlines() if line]) <= 10


def test_the_commands_for_containers_are_what_compose_offers() -> None:
    services = read_compose()["services"]
    (api,) = re.findall(r"healthy at\s+http://127.0.0.1:(\d+)", README)
    assert services["api"]["ports"] == [f"127.0.0.1:${{LEADFLOW_COMPOSE_API_PORT:-{api}}}:8080"]
    (one_shot,) = re.findall(r"`docker compose run --rm -T (\w+)`", README)
    assert services[one_shot]["profiles"], "it runs on demand only"
    head = (ROOT / "docker-compose.yml").read_text()
    for command in re.findall(r"`(docker compose [^`]*)`", README):
        assert command in head, command
    assert "Docker Engine 25 or newer" in README
    assert "Docker Engine 25 or newer" in head


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", page.read_text()):
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), f"{page.name} links {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            assert anchor[1:] in {heading.lower().replace(" ", "-") for heading in headings}


def test_every_promise_is_proved_by_a_test_of_that_name() -> None:
    (section,) = re.findall(r"^## What it promises$(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    named = re.findall(r"^\| .* \| `(test_\w+)` \|$", section, re.MULTILINE)
    assert len(named) == len(re.findall(r"^\| ", section, re.MULTILINE)) - 2
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in named if f"def {name}(" not in tests] == []
