"""A stand-in for the WhatsApp provider's HTTP API, for the local stack and the tests.

``POST /v1/contacts/check`` takes ``{"phone": "+5511912345678"}`` and answers ``{"phone", "on_whatsapp"}``:
numbers that end in ``0000`` are not on WhatsApp. More calls at a time than ``limit`` are answered 429.

``POST /control`` makes it misbehave: ``{"mode": "ok" | "error" | "throttle" | "hang" | "drop", "delay_ms": 0,
"limit": 20}`` (what is left out stays). ``GET /control`` counts what was asked and answered.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MODES = ("ok", "error", "throttle", "hang", "drop")
RETRY_AFTER_SECONDS = 1


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="LEADFLOW_", extra="ignore", frozen=True)

    http_host: str = "127.0.0.1"
    http_port: int = 8099


class Contact(BaseModel):
    phone: str = Field(pattern=r"^\+[1-9][0-9]{5,14}$")


class Control(BaseModel):
    """What ``POST /control`` may change."""

    model_config = ConfigDict(extra="forbid")

    mode: str = Field(default="ok", pattern=f"^({'|'.join(MODES)})$")
    delay_ms: int = Field(0, ge=0, le=600_000)
    limit: int = Field(20, ge=1)


@dataclass(slots=True)
class Provider:
    """The behaviour that is asked for, and what was seen."""

    control: Control
    counts: Counter[str] = field(default_factory=Counter)
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
        if self.in_flight > control.limit or control.mode == "throttle":
            self.counts["throttled"] += 1
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return JSONResponse({"error": "too many requests"}, status_code=429, headers=headers)
        await asyncio.sleep(control.delay_ms / 1000)
        if control.mode == "hang":
            self.counts["hung"] += 1
            await _disconnected(request)
        if control.mode in ("hang", "drop"):
            self.counts["dropped"] += control.mode == "drop"
            return _Dropped()
        if control.mode == "error":
            self.counts["errors"] += 1
            return JSONResponse({"error": "internal"}, status_code=500)
        try:
            phone = Contact.model_validate_json(await request.body()).phone
        except ValidationError:
            self.counts["refused"] += 1
            return JSONResponse({"error": "phone: +, country code and number"}, status_code=400)
        self.counts["answered"] += 1
        return JSONResponse({"phone": phone, "on_whatsapp": not phone.endswith("0000")})

    async def show(self, _: Request) -> Response:
        return JSONResponse(
            {
                **self.control.model_dump(),
                "in_flight": self.in_flight,
                "most_in_flight": self.most_in_flight,
                "counts": {name: self.counts[name] for name in _COUNTS},
            }
        )

    async def change(self, request: Request) -> Response:
        """Change the behaviour, and count from zero."""
        try:
            changes = Control.model_validate_json(await request.body()).model_dump(exclude_unset=True)
        except ValidationError as error:
            return JSONResponse({"error": error.errors(include_url=False, include_context=False)}, status_code=422)
        self.control = self.control.model_copy(update=changes)
        self.counts.clear()
        self.most_in_flight = self.in_flight
        return await self.show(request)


_COUNTS = ("requests", "answered", "throttled", "errors", "hung", "dropped", "refused")


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
