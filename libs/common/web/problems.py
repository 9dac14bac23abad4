"""How a service says no: every error is RFC 9457 problem+json with a stable code."""

import json
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import compile_path

from libs.common.errors import describe, is_bad_day
from libs.common.web.answers import current_ids
from libs.common.web.languages import wanted_language
from libs.common.web.metrics import REFUSED
from libs.common.web.refusals import Detail, Problem, Refused, Translation, named, shown
from libs.common.web.sentences import in_other_words

log = structlog.get_logger()

RETRY_SECONDS = 5
"""What ``Retry-After`` says with every 503 that knows no better."""

NOBODY = "token_missing"
NOT_BELIEVED = "token_invalid"
"""Codes of refusals, named so for tables of them: where a key is written as a string with the word token in it, bandit
takes what stands beside it for a password."""

OWN_LANGUAGE = "en"
NO_TRANSLATIONS: Mapping[str, Translation] = MappingProxyType({})

ANSWERED_HERE = frozenset({"not_found", "method_not_allowed", "request_invalid", "unavailable", "internal_error"})
"""Codes of the refusals that no service raises itself, so that every table of problems must have them."""


class ProblemResponse(JSONResponse):
    """JSON in UTF-8 whatever the caller sent: the name of a part may hold lone surrogates, which have no bytes."""

    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def tell_with_each_refusal(request: Request, headers: Mapping[str, str]) -> None:
    """Have these headers on whatever refusal the request is answered with from now on, also one that nobody raises."""
    request.state.of_each_refusal = headers


def translated(refused: Refused, translation: Translation) -> Refused:
    """Return the refusal with its words in another language, as far as there are any."""
    errors = [replace(each, message=translation.messages.get(each.code, each.message)) for each in refused.errors]
    detail = in_other_words(refused.detail, translation.details) or refused.detail
    return replace(refused, detail=detail, errors=errors)


def problem_response(refused: Refused, problems: Mapping[str, Problem]) -> JSONResponse:
    """Return the refusal as ``application/problem+json``, with the words that ``problems`` has for its code."""
    problem = problems[refused.code]
    body: dict[str, Any] = {
        "type": f"urn:leadflow:problem:{refused.code}",
        "title": problem.title,
        "status": problem.status,
        "code": refused.code,
        "detail": refused.detail or problem.remedy,
        "remedy": problem.remedy,
        **refused.facts,
    }
    if refused.errors:
        body["errors"] = [_entry(detail) for detail in refused.errors]
        body["total_errors"] = refused.total_errors
    headers = dict(refused.headers)
    wait = refused.retry_after
    if wait is None and problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        wait = RETRY_SECONDS
    if wait is not None:
        headers["Retry-After"] = str(wait)
        body["retry_after"] = wait
    body |= current_ids()
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return ProblemResponse(body, status_code=problem.status, headers=headers)


def _in_the_callers_language(
    refused: Refused,
    request: Request,
    problems: Mapping[str, Problem],
    translations: Mapping[str, Translation],
) -> JSONResponse:
    language = wanted_language(request.headers.get("accept-language"), (OWN_LANGUAGE, *translations))
    translation = translations.get(language)
    if translation is None:
        return problem_response(refused, problems)
    response = problem_response(translated(refused, translation), translation.problems)
    response.headers["Content-Language"] = language
    return response


def _entry(detail: Detail) -> dict[str, Any]:
    entry: dict[str, Any] = {"code": detail.code, "message": detail.message}
    if detail.row is not None:
        # An entry about a row always has a column, too, so that clients need not ask whether it is there: null stands
        # for the row as a whole.
        return {"row": detail.row, "column": detail.column} | entry
    places = {"column": detail.column, "pointer": detail.pointer, "parameter": detail.parameter}
    return {name: place for name, place in places.items() if place is not None} | entry


def called(request: Request) -> str:
    """Return the path that is called, without the one that the process serves below, which a gateway may keep."""
    path, root = request.url.path, request.scope.get("root_path", "")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def _allowed(paths: dict[str, Any], path: str) -> list[str]:
    """Return the methods of every call at this path, as the OpenAPI document has them (RFC 9110, section 15.5.6).

    A path that the document has to the letter is none of those that a template of it may stand for. What answers GET
    answers HEAD, too.
    """
    templates = [path] if path in paths else [each for each in paths if compile_path(each)[0].match(path)]
    methods = {method.upper() for template in templates for method in paths[template]} or {"GET"}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def install_error_handlers(
    app: FastAPI,
    problems: Mapping[str, Problem],
    translations: Mapping[str, Translation] = NO_TRANSLATIONS,
    *,
    service: str,
) -> None:
    """Answer every error of the app as problem+json; what is unforeseen is logged without its values.

    ``translations`` are by language, for callers who ask for one (``Accept-Language``).
    ``problems`` is the service's table by code. Raises ValueError when it lacks one of ``ANSWERED_HERE``.
    """
    if missing := sorted(ANSWERED_HERE - problems.keys()):
        raise ValueError(f"the table of problems lacks {', '.join(missing)}")

    def answered(refused: Refused, request: Request) -> JSONResponse:
        REFUSED.labels(service, refused.code).inc()
        response = _in_the_callers_language(refused, request, problems, translations)
        response.headers.update(getattr(request.state, "of_each_refusal", {}))
        return response

    @app.exception_handler(Refused)
    async def on_refused(request: Request, error: Refused) -> JSONResponse:
        log.info("refused", method=request.method, code=error.code, status=problems[error.code].status)
        return answered(error, request)

    @app.exception_handler(RequestValidationError)
    async def on_invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
        details = [
            Detail(code=item["type"], parameter=shown(".".join(map(str, item["loc"][1:]))), message=item["msg"])
            for item in error.errors()
        ]
        names = named(detail.parameter or "" for detail in details)
        return answered(
            Refused("request_invalid", f"Not valid: {names}.", errors=details[:100], total_errors=len(details)), request
        )

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "request_invalid")
        response = answered(Refused(code), request)
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = ", ".join(_allowed(app.openapi()["paths"], called(request)))
        return response

    @app.exception_handler(Exception)
    async def on_error(request: Request, error: Exception) -> JSONResponse:
        if is_bad_day(error):
            log.warning("a store is not answering", path=request.url.path, error=describe(error))
            return answered(Refused("unavailable"), request)
        log.error("unforeseen error", path=request.url.path, exc_info=error)
        return answered(Refused("internal_error"), request)
