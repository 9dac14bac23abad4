"""An identity provider as a process of its own: it publishes keys, hangs, fails, rotates, withdraws as told."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.ports import free_port
from tests.support.stack import ROOT
from tests.support.waiting import answering

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the private key that tests know by this name: making one takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(name: str, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


def public_jwk(key: PrivateKey, **members: Any) -> dict[str, Any]:
    """Return the key's public half as a JSON Web Key with these members beside it (``kid``, ``alg``, ``use``)."""
    if isinstance(key, rsa.RSAPrivateKey):
        return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | members
    return ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | members


def signed(claims: dict[str, Any], key: PrivateKey, algorithm: str, kid: str | None) -> str:
    """Return a token of an hour."""
    head = {} if kid is None else {"kid": kid}
    return jwt.encode({"exp": int(time.time()) + 3_600} | claims, key, algorithm=algorithm, headers=head)


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """Its keys are at ``url``."""

    url: str
    http: httpx.AsyncClient

    async def publishes(self, *keys: dict[str, Any], body: str | None = None) -> None:
        """Answer with these keys, or with this body, and count from zero."""
        await self._told(mode="answers", body=json.dumps({"keys": keys}) if body is None else body)

    async def hangs(self) -> None:
        await self._told(mode="hangs")

    async def fails(self) -> None:
        await self._told(mode="fails")

    async def asked(self) -> int:
        """Return how often it was asked for its keys since it was told something."""
        count: int = (await self.http.get("/control")).json()["asked"]
        return count

    async def _told(self, **what: Any) -> None:
        (await self.http.post("/control", json=what)).raise_for_status()


@asynccontextmanager
async def identity_provider() -> AsyncIterator[IdentityProvider]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.identity_provider", str(port), cwd=ROOT, env=os.environ
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with answering(url, "/control", what="the identity provider") as http:
            yield IdentityProvider(f"{url}/keys", http)
    finally:
        process.kill()  # it may be hanging, as it was told to
        await process.wait()


def _app() -> Starlette:
    state: dict[str, Any] = {"mode": "answers", "body": '{"keys": []}', "asked": 0}

    async def keys(request: Request) -> Response:
        state["asked"] += 1
        if state["mode"] == "hangs":
            await asyncio.sleep(3_600)
        if state["mode"] == "fails":
            return Response(status_code=500)
        return Response(state["body"].encode("latin-1"), media_type="application/jwk-set+json")

    async def control(request: Request) -> Response:
        if request.method == "POST":
            state.update({"asked": 0} | await request.json())
        return JSONResponse({"asked": state["asked"]})

    return Starlette(routes=[Route("/keys", keys), Route("/control", control, methods=["GET", "POST"])])


if __name__ == "__main__":
    uvicorn.run(_app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
