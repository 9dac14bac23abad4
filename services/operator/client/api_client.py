"""Calls of the API over HTTP, and how a refusal ends a command."""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
import typer

from services.operator.client.credentials import Credentials
from services.operator.client.domain import Exit, WrongUse, exit_of_status
from services.operator.client.spoken import catalogue, duration, language, say

T = TypeVar("T")
SHOWN_ERRORS = 20
MAPPING = "/mapping/"
_CONNECT_SECONDS, _ANSWER_SECONDS = 10.0, 120.0


class NoConnection(Exception):
    """The API at ``url`` did not answer, or broke off."""

    def __init__(self, why: str, *, url: str) -> None:
        super().__init__(why)
        self.url = url


@dataclass
class Answered(Exception):
    """A refusal of the API: problem+json."""

    status: int
    problem: dict[str, Any]


@dataclass
class Api:
    """The API at one address for one caller."""

    session: aiohttp.ClientSession
    url: str

    async def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of an answer. Raises Answered and NoConnection, as all calls do."""
        async with self.asked("GET", path, params=query) as answer:
            return await answer.json()

    async def send(self, method: str, path: str, **given: Any) -> Any:
        """Return the JSON of an answer, or None when it has no content."""
        async with self.asked(method, path, **given) as answer:
            return None if answer.status == HTTPStatus.NO_CONTENT else await answer.json()

    async def file(self, path: str, **query: Any) -> bytes:
        """Return an answer's bytes."""
        async with self.asked("GET", path, params=query) as answer:
            return await answer.read()

    @asynccontextmanager
    async def asked(self, method: str, path: str, **given: Any) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """Yield an answer that is no refusal."""
        try:
            async with self.session.request(method, self.url + path, allow_redirects=False, **given) as answer:
                if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
                    raise Answered(answer.status, _problem(await answer.read(), answer.status))
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoConnection(type(error).__name__, url=self.url) from error


def _problem(body: bytes, status: int) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    # A gateway's own page is no problem+json.
    return found if isinstance(found, dict) and "title" in found else {"title": f"HTTP {status}", "status": status}


@asynccontextmanager
async def opened(login: Credentials) -> AsyncGenerator[Api, None]:
    """Yield the API for somebody who has signed in; ends the command for others."""
    if login.token is None:
        raise failed(say("signed_out", url=login.url), Exit.SIGN_IN)
    headers = {"Authorization": f"Bearer {login.token}", "Accept-Language": language()}
    # The whole of a call has no limit: uploads and event streams take as long as they take.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_ANSWER_SECONDS)
    try:
        session = aiohttp.ClientSession(headers=headers, timeout=timeout)
    except ValueError:
        raise failed(say("signed_out", url=login.url), Exit.SIGN_IN) from None
    async with session:
        yield Api(session, login.url)


def failed(message: str, code: Exit) -> typer.Exit:
    """Say why on stderr; return what ends the command."""
    typer.echo(message, err=True)
    return typer.Exit(code)


def refused(problem: dict[str, Any], status: int, *, untouched: str | None = None) -> Exit:
    """Say a refusal in words on stderr, in the words of the API; return how the command ends.

    ``untouched`` names what is said of a call that would have changed something.
    """
    code = exit_of_status(status)
    lines = [": ".join(part for part in (problem.get("title"), problem.get("detail")) if part)]
    remedy = _remedy(problem)
    if remedy and remedy != problem.get("detail"):
        lines.append(remedy)
    lines += error_lines(problem.get("errors", []))
    more = problem.get("total_errors", 0) - SHOWN_ERRORS
    if more > 0:
        lines.append(say("more_errors", count=more))
    if wait := problem.get("retry_after"):
        lines.append(say("wait", wait=duration(wait)))
    if code is Exit.REFUSED and untouched:
        lines.append(say(untouched))
    if (request := problem.get("request_id")) and code is Exit.FAILED:
        lines.append(f"request_id {request}")
    typer.echo("\n".join(lines), err=True)
    return code


def _remedy(problem: dict[str, Any]) -> str | None:
    """Return what to do: at a shell often something else than for a program that calls the API."""
    if "retry_after" in problem:
        return None
    if missing := problem.get("missing"):
        return say("missing", fields=", ".join(missing))
    own: str | None = catalogue().command_line.get(f"remedy_{problem.get('code')}", problem.get("remedy"))
    return own


def error_lines(errors: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each of the first errors: where it is, and what it is."""
    lines = []
    for each in errors[:SHOWN_ERRORS]:
        place = each.get("pointer") or each.get("parameter") or ""
        if each.get("row"):
            place = say("row", row=each["row"], column=each.get("column") or "").strip(", ")
        elif place.startswith(MAPPING):
            place = f'--map "{place.removeprefix(MAPPING)}"'
        lines.append(f"  {place}: {each['message']}")
    return lines


def run(
    work: Coroutine[Any, Any, T],
    *,
    as_json: bool = False,
    begun: Sequence[str] = (),
    unsure: Sequence[str] = (),
    untouched: str | None = None,
) -> T:
    """Run a command's work; what the API refuses ends it with an exit code and a sentence, never with a trace.

    ``begun`` holds what is said when the command ends before what it began at the server; the work fills it.
    ``unsure`` holds what is said when it is interrupted while nobody knows whether anything began, and ``untouched``
    names what is said when the API refuses to begin.
    """
    try:
        return _ended(work, as_json=as_json, untouched=untouched)
    except (typer.Exit, BrokenPipeError) as early:  # whoever read stdout may go away, as `head` does
        interrupted = getattr(early, "exit_code", None) == Exit.INTERRUPTED
        for sentence in begun or (unsure if interrupted else ()):
            typer.echo(sentence, err=True)
        raise


def _ended(work: Coroutine[Any, Any, T], *, as_json: bool, untouched: str | None) -> T:
    try:
        return asyncio.run(work)
    except Answered as answer:
        if as_json:
            typer.echo(json.dumps({"event": "refused", **answer.problem}, ensure_ascii=False))
        raise typer.Exit(refused(answer.problem, answer.status, untouched=untouched)) from None
    except NoConnection as error:
        raise failed(say("no_connection", why=error, url=error.url), Exit.FAILED) from None
    except WrongUse as wrong:
        raise failed(str(wrong), Exit.USAGE) from None
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None
