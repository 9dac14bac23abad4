"""The page that shows the calls of a service, with nothing in it that comes from another host.

FastAPI's own page loads its scripts from a network of others, who could then act with the token of whoever reads it.
"""

from html import escape
from importlib.resources import files

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

FILES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
    # The scripts of the page write styles into it.
    "style-src 'self' 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'"
)
_SWAGGER_UI = files("fastapi_swagger") / "resources"
"""Only its files are used: the package carries Swagger UI 5, which reads OpenAPI 3.1, as FastAPI writes it."""
_A_DAY = "public, max-age=86400"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<link rel="stylesheet" href="{root}/docs/swagger-ui.css">
<link rel="icon" href="{root}/docs/favicon-32x32.png">
<div id="calls" data-document="{root}{document}"></div>
<script src="{root}/docs/swagger-ui-bundle.js"></script>
<script src="{root}/docs/start.js"></script>
</html>
"""
_START = """const calls = document.getElementById("calls");
SwaggerUIBundle({ url: calls.dataset.document, domNode: calls, deepLinking: true, validatorUrl: null });
"""


def documentation_routes(app: FastAPI) -> list[Route]:
    """Return ``/docs`` and the files that it needs."""

    async def page(request: Request) -> Response:
        html = _PAGE.format(
            title=escape(app.title), root=escape(request.scope.get("root_path", "")), document=app.openapi_url
        )
        return HTMLResponse(html, headers={"Content-Security-Policy": POLICY})

    async def start(request: Request) -> Response:
        return Response(_START, media_type="text/javascript", headers={"Cache-Control": _A_DAY})

    def file_of(name: str, media_type: str) -> Route:
        async def file(request: Request) -> Response:
            return FileResponse(str(_SWAGGER_UI / name), media_type=media_type, headers={"Cache-Control": _A_DAY})

        return Route(f"/docs/{name}", file)

    return [Route("/docs", page), Route("/docs/start.js", start), *(file_of(*each) for each in FILES.items())]
