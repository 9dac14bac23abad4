"""A stand-in for the WhatsApp provider's HTTP API, for the local stack and the tests.

``POST /v1/contacts/check`` takes ``{"phone": "+5511912345678"}`` and answers ``{"phone", "on_whatsapp"}``:
numbers that end in ``0000`` are not on WhatsApp. More calls at a time than ``limit``, and more than ``rate`` a second
(0: any number), are answered 429. Of a thousand numbers it refuses ``refused`` and fails at ``failing``, always at the
same ones (``fate``).

``POST /control`` makes it misbehave: ``{"mode": "ok" | "error" | "throttle" | "hang" | "drop" | "forbid",
"delay_ms": 0, "limit": 20, "rate": 0, "refused": 0, "failing": 0}`` (what is left out stays). ``GET /control`` counts
what was asked and answered, ``GET /asked`` the calls for each number, without those that were throttled.
"""

import asyncio
import math
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MODES = ("ok", "error", "throttle", "hang", "drop", "forbid")
RETRY_AFTER_SECONDS = 1


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="LEADFLOW_", extra="ignore", frozen=True)

    http_host: str = "127.0.0.1"
    http_port: int = 8099


class Contact(BaseModel):
    phone: str = Field(pattern=r"^\+[1-9][0-9]{5,14}$")


Fate = Literal["present", "absent", "refused", "failing"]


def fate(phone: str, *, refused: int, failing: int) -> Fate:
    """Return what becomes of every question about a number, when so many of a thousand are refused and fail."""
    place = _place(phone)
    if place < refused:
        return "refused"
    if place < refused + failing:
        return "failing"
    return "absent" if phone.endswith("0000") else "present"


def _place(phone: str) -> int:
    return zlib.crc32(phone.encode()) % 1000


class Control(BaseModel):
    """What ``POST /control`` may change."""

    model_config = ConfigDict(extra="forbid")

    mode: str = Field(default="ok", pattern=f"^({'|'.join(MODES)})$")
    delay_ms: int = Field(0, ge=0, le=600_000)
    limit: int = Field(20, ge=1)
    rate: float = Field(0, ge=0)
    refused: int = Field(0, ge=0, le=1000)
    failing: int = Field(0, ge=0, le=1000)


class Bucket:
    """Lets as many calls through as there are tokens: ``rate`` new ones a second, a second's worth at most."""

    def __init__(self) -> None:
        self._tokens = 0.0
        self._filled_at = 0.0

    def wait(self, rate: float) -> float:
        """Take a token and return 0, or return in how many seconds there is one."""
        now = time.monotonic()
        self._tokens = min(max(rate, 1.0), self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now
        if self._tokens < 1:
            return (1 - self._tokens) / rate
        self._tokens -= 1
        return 0.0


@dataclass(slots=True)
class Provider:
    """The behaviour that is asked for, and what was seen."""

    control: Control
    counts: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    bucket: Bucket = field(default_factory=Bucket)
    in_flight: int = 0
    most_in_flight: int = 0

    async def check(self, request: Request) -> Response:
        self.counts["requests"] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer(request)
        finally:
            self.in_flight -= 1

    async def _answer(self, request: Request) -> Response:
        control = self.control
        wait = self.bucket.wait(control.rate) if control.rate else 0.0
        if wait or self.in_flight > control.limit or control.mode == "throttle":
            self.counts["throttled"] += 1
            headers = {"Retry-After": str(max(RETRY_AFTER_SECONDS, math.ceil(wait)))}
            return JSONResponse({"error": "too many requests"}, status_code=429, headers=headers)
        body = await request.body()
        try:
            phone = Contact.model_validate_json(body).phone
        except ValidationError:
            phone = ""
        self.asked[phone] += 1
        await asyncio.sleep(control.delay_ms / 1000)
        return await self._misbehave(request) or self._say(phone)

    async def _misbehave(self, request: Request) -> Response | None:
        """Answer as the mode wants it, whatever the number; None when it wants nothing."""
        mode = self.control.mode
        if mode == "hang":
            self.counts["hung"] += 1
            await _disconnected(request)
        if mode in ("hang", "drop"):
            self.counts["dropped"] += mode == "drop"
            return _Dropped()
        if mode in ("error", "forbid"):
            self.counts["errors"] += 1
            return JSONResponse({"error": mode}, status_code=500 if mode == "error" else 401)
        return None

    def _say(self, phone: str) -> Response:
        fated = fate(phone, refused=self.control.refused, failing=self.control.failing) if phone else "refused"
        if fated == "refused":
            self.counts["refused"] += 1
            return JSONResponse({"error": "phone: +, country code and number"}, status_code=400 if not phone else 422)
        if fated == "failing":
            self.counts["failed"] += 1
            # Each in the way that is its own: a server's error, what is not there, what is forbidden, no yes or no.
            status = (500, 404, 403, 200)[_place(phone) % 4]
            return JSONResponse({"phone": phone, "on_whatsapp": "false"}, status_code=status)
        self.counts["answered"] += 1
        return JSONResponse({"phone": phone, "on_whatsapp": fated == "present"})

    async def show(self, _: Request) -> Response:
        return JSONResponse(
            {
                **self.control.model_dump(),
                "in_flight": self.in_flight,
                "most_in_flight": self.most_in_flight,
                "counts": {name: self.counts[name] for name in _COUNTS},
            }
        )

    async def show_asked(self, _: Request) -> Response:
        return JSONResponse(self.asked)

    async def change(self, request: Request) -> Response:
        """Change the behaviour, and count from zero."""
        try:
            changes = Control.model_validate_json(await request.body()).model_dump(exclude_unset=True)
        except ValidationError as error:
            return JSONResponse({"error": error.errors(include_url=False, include_context=False)}, status_code=422)
        self.control = self.control.model_copy(update=changes)
        self.counts.clear()
        self.asked.clear()
        self.most_in_flight = self.in_flight
        return await self.show(request)


_COUNTS = ("requests", "answered", "throttled", "errors", "hung", "dropped", "refused", "failed")


class _Dropped(Response):
    """Closes the connection in the middle of an answer: the client sees a broken one."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        # A body that is shorter than announced: the server can only close the connection.
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        raise ConnectionAbortedError


async def _disconnected(request: Request) -> None:
    """Wait until the client gives up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def create_app() -> Starlette:
    provider = Provider(Control(mode="ok", delay_ms=0, limit=20))
    return Starlette(
        routes=[
            Route("/v1/contacts/check", provider.check, methods=["POST"]),
            Route("/asked", provider.show_asked, methods=["GET"]),
            Route("/control", provider.show, methods=["GET"]),
            Route("/control", provider.change, methods=["POST"]),
        ]
    )


def main() -> None:
    settings = Settings()
    uvicorn.run(
        create_app(),
        host=settings.http_host,
        port=settings.http_port,
        log_level="critical",  # "drop" is a failure to the server, each time
        access_log=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
