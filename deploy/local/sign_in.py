"""Signs in to the console on the developer's machine, where no platform stands around it: by a link, once.

``make up`` prints ``/console/#code=…``. What stands behind ``#`` is never sent to a server by a browser. The console
takes it out of the address and sends it here, ``POST /console/sign-in`` with ``{"code": …}``, and gets a token of 15
minutes. A code is good for a minute, and once: which ones were changed is remembered until they would have expired
anyway, and a process that has been started again takes none of before.

It starts only with ``LEADFLOW_DEV_SIGN_IN=loopback`` and a secret, and answers only what is asked of this machine's
own name: a page of another host that has its name point here is refused. No image for production holds it.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any, Literal
from uuid import uuid4

import jwt
import uvicorn
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CODE_SECONDS = 60
TOKEN_SECONDS = 900
EVERYTHING = ["IMPORT_LEADS", "VIEW_LEADS", "EDIT_LEADS", "ASSIGN_LEADS", "CONVERT_LEADS", "DELETE_LEADS"]
"""What the demo user may do with leads."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

Clock = Callable[[], float]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="LEADFLOW_", extra="ignore", frozen=True)

    http_host: str = "127.0.0.1"
    http_port: int = 8098
    jwt_secret: SecretStr = Field(min_length=32)
    dev_sign_in: Literal["loopback"]
    """Says that this is a developer's machine. There is no default: nobody starts this by mistake."""


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    code: str = Field(max_length=2_000)


class NoCode(Exception):
    """The code is not ours, too old, or was changed before: sign in with a new link."""


def _key(secret: str) -> bytes:
    """Return the key of codes: another than that of tokens, so that neither is taken for the other."""
    return hmac.new(secret.encode(), b"leadflow console sign-in", hashlib.sha256).digest()


def new_code(secret: str, *, user_id: str, company_id: int, now: float) -> str:
    """Return a code for a link; ``now`` in seconds since 1970."""
    claims = {"sub": user_id, "company_id": company_id, "jti": uuid4().hex, "made_at": now, "exp": now + CODE_SECONDS}
    return jwt.encode(claims, _key(secret), algorithm="HS256")


class Codes:
    """Changes codes for tokens, each once. ``clock`` returns seconds since 1970."""

    def __init__(self, secret: str, *, clock: Clock = time.time) -> None:
        self._secret = secret
        self._clock = clock
        self._since = clock()
        self._changed: dict[str, float] = {}

    def change(self, code: str) -> tuple[str, int]:
        """Return a token and when it expires, in seconds since 1970. Raises NoCode."""
        now = self._clock()
        try:
            found = jwt.decode(
                code, _key(self._secret), algorithms=["HS256"], options={"require": ["exp", "jti"], "verify_exp": False}
            )
        except jwt.PyJWTError:
            raise NoCode from None
        self._changed = {jti: expires for jti, expires in self._changed.items() if expires > now}
        if now >= found["exp"] or found["made_at"] < self._since or found["jti"] in self._changed:
            raise NoCode
        self._changed[found["jti"]] = found["exp"]
        expires_at = int(now) + TOKEN_SECONDS
        claims = {
            "sub": found["sub"],
            "company_id": found["company_id"],
            "permissions": {"LEADS": EVERYTHING},
            # Two tokens of one second are two.
            "jti": uuid4().hex,
            "iat": int(now),
            "exp": expires_at,
        }
        return jwt.encode(claims, self._secret, algorithm="HS256"), expires_at


def create_app(codes: Codes) -> Starlette:
    async def sign_in(request: Request) -> Response:
        if not _is_own(request):
            return _problem(403, "not_loopback", "Signing in by a link is for this machine alone.")
        try:
            asked = Asked.model_validate_json(await request.body())
            token, expires_at = codes.change(asked.code)
        except ValidationError:
            return _problem(422, "request_invalid", "Send a JSON object with `code`.")
        except NoCode:
            return _problem(401, "code_invalid", "This link was used before, or is older than a minute.")
        return JSONResponse({"token": token, "expires_at": expires_at}, headers={"Cache-Control": "no-store"})

    async def ready(request: Request) -> Response:
        return JSONResponse({"status": "ready"})

    return Starlette(
        routes=[Route("/console/sign-in", sign_in, methods=["POST"]), Route("/health/ready", ready, methods=["GET"])]
    )


def _is_own(request: Request) -> bool:
    """Tell whether it was asked of this machine by its own name, by a page of the same host where a page asks."""
    host = request.headers.get("host", "")
    origin = request.headers.get("origin", f"http://{host}")
    return host.rpartition(":")[0] in LOOPBACK and origin.partition("//")[2] == host


def _problem(status: int, code: str, detail: str) -> Response:
    body: dict[str, Any] = {
        "type": f"urn:leadflow:problem:{code}",
        "title": detail,
        "status": status,
        "code": code,
        "detail": detail,
        "remedy": "`make link` prints a new link.",
    }
    return JSONResponse(body, status, media_type="application/problem+json", headers={"Cache-Control": "no-store"})


def main() -> None:
    settings = Settings()
    uvicorn.run(
        create_app(Codes(settings.jwt_secret.get_secret_value())),
        host=settings.http_host,
        port=settings.http_port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
