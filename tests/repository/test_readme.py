"""What the README and the guides say without running anything. Commands are run in tests/e2e/test_readme.py."""

import json
import re
import subprocess

from fastapi import FastAPI

from libs.common.web.event_documentation import BESIDE_CALLS, event_documentation_routes
from libs.common.web.health import health_routes
from libs.contracts.lead_import.registry import REGISTRY
from services.api.ending.calls import router as ending_router
from services.api.http import before_routes
from services.api.http.routes import router
from tests.support.manifests import compose_project
from tests.support.readme import README, SUBSCRIBER
from tests.support.stack import ROOT
from tests.support.tables import table

LOCAL_STACK = "docs/guide/local-stack.md"


def test_what_it_is_takes_five_lines() -> None:
    title, what = README.split("\n\n", 2)[:2]
    assert title == "# Leadflow"
    assert len(what.splitlines()) <= 5


def test_it_is_a_screen() -> None:
    assert len(README.splitlines()) <= 90


def test_every_command_of_make_help_is_explained() -> None:
    printed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    commands = {f"make {name}" for name in re.findall(r"^  make (\w+)", printed, re.MULTILINE)}
    assert {row[0] for row in table(LOCAL_STACK, "## Commands")} == commands


def test_only_commands_that_exist_are_shown() -> None:
    printed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    commands = set(re.findall(r"^  make (\w+)", printed, re.MULTILINE))
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]
    text = "\n".join(page.read_text() for page in pages)
    shown = set(re.findall(r"(?:^    |`|\()make (?:-s )?([a-z]+)", text, re.MULTILINE))
    assert shown - commands == set()


def test_the_totals_shown_are_those_of_the_demo_s_file() -> None:
    promised = json.loads((ROOT / "examples" / "expected.json").read_bytes())["leads.csv"]
    totals = {name: promised[f"total_{name}"] for name in ("created", "existing", "errors", "rows")}
    shown = {
        name: int(count.replace(",", "")) for name, count in re.findall(r"^ +(\w+) +([\d,]+)$", README, re.MULTILINE)
    }
    assert shown == totals | promised["existing"]


def test_the_river_is_the_registry() -> None:
    """Solid arrows are what the stages hand on, dotted ones what other services may read; api listening is left out."""
    (picture,) = re.findall(r"^```mermaid\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    arrows = re.findall(r"^ +(\w+)(?:\[.*?\])? (-->|-\.->)\|([\w-]+)\| (\w+)", picture, re.MULTILINE)
    handed_on = {
        (topic.owner, "-->", topic.name.removeprefix("lead.import-").removesuffix(".v1"), topic.readers[0])
        for topic in REGISTRY.topics
        if not topic.public
    }
    offered = {
        (topic.owner, "-.->", topic.name.removeprefix("lead.").removesuffix(".v1"), "others")
        for topic in REGISTRY.topics
        if topic.public
    }
    assert set(arrows) == handed_on | offered


async def nobody() -> str | None:
    """Answer for health checks that nobody asks."""
    return None


def test_the_calls_are_those_of_the_api() -> None:
    app = FastAPI()
    for each in (router, before_routes.router, ending_router):
        app.include_router(each)
    answered = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    beside = [app.docs_url, app.openapi_url, *(route.path for route in health_routes(nobody))]
    beside += [route.path for route in event_documentation_routes(dict, at=BESIDE_CALLS)]
    answered |= {("GET", path) for path in beside}
    rows = " ".join(row[0] for row in table("docs/guide/uploading.md", "## Calls"))
    documented = re.findall(r"(?:([A-Z]+) )?(/[\w{}/.]+)", rows.replace("{id}", "{import_id}"))
    assert {(method or "GET", path) for method, path in documented} == answered


def test_another_service_subscribes_in_ten_lines() -> None:
    assert len([line for line in SUBSCRIBER.splitlines() if line]) <= 10


def test_the_commands_for_containers_are_what_compose_offers() -> None:
    guide = (ROOT / LOCAL_STACK).read_text()
    services = compose_project()["services"]
    (api,) = re.findall(r"healthy at\s+http://127.0.0.1:(\d+)", guide)
    assert services["gateway"]["ports"] == [f"127.0.0.1:${{LEADFLOW_COMPOSE_API_PORT:-{api}}}:8080"]
    on_demand = re.findall(r"`docker compose run --rm -T (\w+)`", guide)
    assert on_demand == ["token", "link"]
    assert all(services[each]["profiles"] for each in on_demand)
    head = (ROOT / "docker-compose.yml").read_text()
    for command in re.findall(r"`(docker compose [^`]*)`", guide):
        assert command in head, command
    assert "Docker Engine 25 or newer" in guide
    assert "Docker Engine 25 or newer" in head
