"""The page that shows the messages of a service, with nothing in it that comes from another host, and no script.

FastStream's own page loads its scripts from networks of others.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

Document = Mapping[str, Any]

PAGE = "/docs/events"
BESIDE_CALLS = "/asyncapi"
"""Where a service that answers calls has the document, beside ``/openapi.json``; others have it beside the page."""
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_KINDS = {".json": "application/json", ".yaml": "application/yaml"}
_STYLE = (
    "body{font:14px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}pre{overflow:auto}"
    "summary{cursor:pointer}:root{color-scheme:light dark}"
)
# Without an icon of its own, a browser asks for one.
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
<h1>{title}</h1>
<p>{about}</p>
<p><a href="{link}">AsyncAPI {version}</a></p>
{parts}
</html>
"""
_PART = "<details><summary>{name}</summary><pre>{body}</pre></details>"


def event_documentation_routes(document: Callable[[], Document], *, at: str = PAGE) -> list[Route]:
    """Return ``/docs/events``, a page of an AsyncAPI document, and the document itself at ``at`` + .json and .yaml.

    ``document`` is called when somebody first asks: a start does not wait for what few ever read. The page's link
    holds wherever a gateway puts the service.
    """
    link = f"{'../' * (PAGE.count('/') - 1)}{at.removeprefix('/')}.json"

    @cache
    def made() -> tuple[bytes, bytes]:
        """Return the page and the document as they are sent: anybody may ask, as often as they like."""
        said = document()
        return _html(said, link=link).encode(), json.dumps(said, indent=1, ensure_ascii=False).encode()

    async def page(request: Request) -> Response:
        return HTMLResponse(made()[0], headers={"Content-Security-Policy": POLICY})

    def plain(media_type: str) -> Callable[[Request], Any]:
        async def text(request: Request) -> Response:
            return Response(made()[1], media_type=media_type)  # all JSON is YAML, too

        return text

    files = [Route(f"{at}{end}", plain(media_type)) for end, media_type in _KINDS.items()]
    return [Route(PAGE, page), *files]


def _html(document: Document, *, link: str) -> str:
    title, version = escape(document["info"]["title"]), escape(document["asyncapi"])
    parts = "\n".join(
        _PART.format(name=escape(name), body=escape(json.dumps(body, indent=1, ensure_ascii=False)))
        for name, body in _parts(document)
    )
    about = escape(document["info"].get("description", ""))
    return _PAGE.format(title=title, about=about, style=_STYLE, link=link, version=version, parts=parts)


def _parts(document: Document) -> Iterator[tuple[str, Any]]:
    """Yield what is shown, by name."""
    yield from document.get("channels", {}).items()
    yield from document.get("operations", {}).items()
    components = document.get("components", {})
    yield from components.get("messages", {}).items()
    yield from components.get("schemas", {}).items()
