"""Every route that exists is behind a token, or public on purpose: a new one fails here until somebody says which."""

import json
import os
import subprocess
import sys
from typing import Any

import httpx
import pytest

from tests.e2e.test_auth import ROUTES, WHATEVER_IT_MAY_DO
from tests.support.stack import ROOT

PUBLIC = {
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/asyncapi.json"),
    ("GET", "/asyncapi.yaml"),
    ("GET", "/docs"),
    ("GET", "/docs/events"),
    ("GET", "/docs/favicon-32x32.png"),
    ("GET", "/docs/start.js"),
    ("GET", "/docs/swagger-ui-bundle.js"),
    ("GET", "/docs/swagger-ui.css"),
}
"""What orchestrators and readers of the documentation ask: no company's data is behind it."""

NOT_ALLOWED = {("DELETE", "/imports/quota")}
PRINT_ROUTES = """
import json
from services.api.main import build
from services.api.settings import Settings
app = build(Settings()).app
def walk(routes):
    for route in routes:
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        if getattr(route, "methods", None) is None and getattr(inner, "routes", None):
            yield from walk(inner.routes)
        else:
            yield sorted(getattr(route, "methods", None) or ["?"]), getattr(route, "path", repr(route))
print(json.dumps(list(walk(app.routes))))
"""


@pytest.fixture(scope="module")
def routes() -> set[tuple[str, str]]:
    """(method, path) of everything that the api answers, documented or not."""
    environment = os.environ | {"LEADFLOW_JWT_SECRET": "x" * 32, "LEADFLOW_LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRINT_ROUTES],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return {(method, path) for methods, path in found for method in methods if method != "HEAD"}


def test_every_route_is_in_the_table_of_the_auth_tests_or_public_on_purpose(routes: set[tuple[str, str]]) -> None:
    guarded = {(method, path.partition("?")[0].replace("{id}", "{import_id}")) for method, path in ROUTES}
    guarded |= set(WHATEVER_IT_MAY_DO)
    assert routes == guarded | PUBLIC | NOT_ALLOWED


@pytest.mark.parametrize(("method", "path"), sorted(NOT_ALLOWED))
async def test_what_another_call_would_take_for_its_own_is_not_allowed(
    http: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await http.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_every_format_of_the_rows_is_in_the_table() -> None:
    assert {path for _, path in ROUTES if path.startswith("/imports/{id}/rows")} == {
        "/imports/{id}/rows",
        "/imports/{id}/rows?format=csv",
        "/imports/{id}/rows?format=xlsx",
    }


async def test_the_document_asks_for_a_token_wherever_one_is_needed(http: httpx.AsyncClient) -> None:
    paths = (await http.get("/openapi.json")).json()["paths"]
    for path, calls in paths.items():
        for method, call in calls.items():
            assert call["security"] == [{"HTTPBearer": []}], (method, path)


@pytest.mark.parametrize(("method", "path"), sorted(PUBLIC))
async def test_what_is_public_needs_no_token_and_cares_for_none(
    http: httpx.AsyncClient, method: str, path: str
) -> None:
    for headers in ({}, {"Authorization": "Bearer garbage"}):
        assert (await http.request(method, path, headers=headers)).status_code == 200
