"""The application of a service that answers calls: FastAPI, without what it does that a public service must not."""

import json
from functools import cache, cached_property
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.common.web.answers import Answers
from libs.common.web.hearing_out import HearingOut
from libs.common.web.metrics import Measured


class _Pages(CORSMiddleware):
    """CORS for the pages of origins that are named.

    What pages of others ask is the application's to answer: it may have forms that are filled in from anywhere. Where
    it says nothing of their origin, browsers keep the answer from them.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = Headers(scope=scope).get("origin") if scope["type"] == "http" else None
        if origin is not None and self.is_allowed_origin(origin):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class App(FastAPI):
    """FastAPI with ``Answers`` and ``HearingOut`` around it, and each request of the ``service`` measured.

    An address with a slash too many is not found. FastAPI would send the caller elsewhere, to a host that the caller
    itself names, and in plain HTTP behind a gateway: the token would go with it.
    """

    def __init__(self, service: str, *, root_path: str = "", **options: Any) -> None:
        self._service = service
        self._below = root_path
        """The path that a gateway serves the process under, and takes off or keeps."""
        self._answered: list[Any] = []
        self._included: list[BaseRoute] = []
        self._allowed: dict[str, Any] = {}
        super().__init__(
            redirect_slashes=False,
            docs_url=None,
            redoc_url=None,
            # Programs that are made from the document name their functions by it.
            generate_unique_id_function=lambda route: route.name,
            **options,
        )
        self.components: dict[str, Any] = {}
        """Schemas by name that the document has beside those of the calls' models."""
        self.examples: dict[str, Any] = {}
        """Examples by name that answers of the document refer to."""
        self.responses: dict[str, Any] = {}
        """Answers by name that calls of the document refer to."""

    def include_router(self, router: APIRouter, *given: Any, **options: Any) -> None:
        super().include_router(router, *given, **options)
        self._included += router.routes
        self._answered += [route.response_model for route in router.routes if isinstance(route, APIRoute)]

    def answers_pages(self, **allowed: Any) -> None:
        """Let pages of other origins call; ``allowed`` is what ``CORSMiddleware`` is to be told."""
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._below and "path" in scope:
            scope["root_path"] = self._below
            if not self._keeps(scope["path"]):
                # ASGI's path begins with the one that the process serves below.
                scope["path"] = self._below + scope["path"]
        await super().__call__(scope, receive, send)

    def _keeps(self, path: str) -> bool:
        """Tell whether the gateway has kept the path that it serves the process under.

        Calls may begin as that path does: below ``/api``, ``/api/v1/things`` is one whose path was taken off.
        """
        below = path.removeprefix(self._below)
        if below == path or below[:1] not in {"", "/"}:
            return False
        return _first(below) in self._firsts or _first(path) not in self._firsts

    @cached_property
    def _firsts(self) -> set[str]:
        """What stands first in the paths of all calls."""
        return {_first(getattr(route, "path", "")) for route in [*self.routes, *self._included]} - {""}

    def build_middleware_stack(self) -> ASGIApp:
        answering = super().build_middleware_stack()
        if self._allowed:
            # Around all of it: what is added to the application itself stands within what answers 500 and 503, and a
            # page whose browser is not told that it may read them learns neither the code nor when to come again.
            answering = _Pages(answering, **self._allowed)
        return HearingOut(Answers(Measured(answering, service=self._service)))

    def setup(self) -> None:
        """Serve the OpenAPI document as it was written when somebody first asked for it.

        FastAPI would write it anew for whoever asks, and anybody may: a hundred who do nothing else made all others
        wait for seconds.
        """

        @cache
        def written(root_path: str) -> bytes:
            document = self.openapi()
            if root_path and self.root_path_in_servers:
                document = document | {"servers": [{"url": root_path}, *document.get("servers", [])]}
            return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

        async def described(request: Request) -> Response:
            # The path below which the process serves; no caller chooses it.
            root_path = request.scope.get("root_path", "").rstrip("/")
            return Response(written(root_path), media_type="application/json")

        if self.openapi_url:
            self.add_route(self.openapi_url, described, include_in_schema=False)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made at the first call: whoever asks for it, or with a wrong method, is nobody
        that we know.
        """
        if self.openapi_schema is not None:
            return self.openapi_schema
        document = super().openapi()
        document.setdefault("components", {}).setdefault("schemas", {}).update(self.components)
        document["components"].setdefault("examples", {}).update(self.examples)
        document["components"].setdefault("responses", {}).update(self.responses)
        for name, examples in self._examples_of_models().items():
            if name in document["components"]["schemas"]:
                document["components"]["schemas"][name]["examples"] = examples
        _leave_out_titles(document)
        return document

    def _examples_of_models(self) -> dict[str, list[Any]]:
        """Return the examples of what calls answer, by schema, as they were written: FastAPI leaves out each null."""
        found: dict[str, list[Any]] = {}
        for model in self._answered:
            schema = TypeAdapter(model).json_schema(mode="serialization")
            for name, each in {schema.get("title", ""): schema, **schema.get("$defs", {})}.items():
                if "examples" in each:
                    found[name] = each["examples"]
        return found


def _first(path: str) -> str:
    return path.removeprefix("/").partition("/")[0]


def _leave_out_titles(described: Any) -> None:
    """Take out titles that repeat a property's or a parameter's own name: pydantic gives each one, for every reader to
    load.
    """
    if isinstance(described, list):
        for each in described:
            _leave_out_titles(each)
    if not isinstance(described, dict):
        return
    named = described.get("properties")
    for name, schema in [*(named.items() if isinstance(named, dict) else ()), (described.get("name"), described)]:
        inner = schema.get("schema", schema) if isinstance(schema, dict) else {}
        if isinstance(name, str) and inner.get("title") == name.replace("_", " ").title():
            del inner["title"]
    for key, each in described.items():
        if key not in {"example", "examples"}:
            _leave_out_titles(each)
