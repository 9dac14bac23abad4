"""The public keys of an identity provider (a JSON Web Key Set, RFC 7517): fetched, kept for a while, forgotten.

A key that the provider withdraws must stop being believed, and a provider that is slow or away must not hold up those
whose keys are known. So keys have an age, one fetch at a time runs beside the event loop's other work, and after each
there is a pause, however many tokens name keys that nobody has.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError

from libs.common.periodic import Periodic

log = structlog.get_logger()

FRESH_SECONDS = 300.0
"""The longest that a withdrawn key is believed while the provider answers."""
STALE_SECONDS = 3_600.0
"""The same while the provider fails: its tokens rarely live longer."""
REFRESH_SECONDS = 100.0
"""How often keys are fetched anew beside the calls: two failures may follow each other before anybody waits for one."""
PAUSE_SECONDS = 5.0
"""Between two fetches at least."""
TIMEOUT_SECONDS = 5.0
"""For one fetch."""
MAX_BYTES = 1 << 20
"""Of a key set."""
LEAST_RSA_BITS = 2048
"""RFC 7518, section 3.3."""

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_BY_CURVE = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)}

Clock = Callable[[], float]


class KeysUnavailable(Exception):
    """The identity provider's keys cannot be had for now; the caller may try again."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One public key, and the algorithms (RFC 7518, section 3.1) that it may be used with."""

    id: str | None
    algorithms: tuple[str, ...]
    key: Any


def read_key_set(body: bytes) -> list[SigningKey]:
    """Return the keys of a set that can check RS, PS or ES signatures; others in it are passed over.

    Raises ValueError when the body is no key set. A set without a key is one: the provider has withdrawn all.
    """
    try:
        entries = json.loads(body)["keys"]
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError("no JSON Web Key Set") from error
    if not isinstance(entries, list):
        raise ValueError("no JSON Web Key Set")  # noqa: TRY004 - what the provider sent is a wrong value, not our call
    return [key for entry in entries if isinstance(entry, dict) and (key := _signing_key(entry)) is not None]


def _signing_key(entry: dict[str, Any]) -> SigningKey | None:
    algorithms = _algorithms(entry)
    checks = entry.get("use", "sig") == "sig" and "verify" in _listed(entry.get("key_ops", ["verify"]))
    # A private key that was published is everybody's, so what it signs proves nothing.
    if not algorithms or not checks or "d" in entry:
        return None
    try:
        key = PyJWK(entry, algorithms[0]).key
    except (PyJWTError, TypeError, ValueError, AttributeError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        return None
    key_id = entry.get("kid")
    return SigningKey(key_id if isinstance(key_id, str) else None, algorithms, key)


def _algorithms(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return what it says itself, or all that its type allows; never an algorithm of shared secrets."""
    curve = entry.get("crv")
    possible = {"RSA": _RSA, "EC": _BY_CURVE.get(curve, ()) if isinstance(curve, str) else ()}
    kind = entry.get("kty")
    allowed = possible.get(kind, ()) if isinstance(kind, str) else ()
    own = entry.get("alg")
    return allowed if own is None else tuple(algorithm for algorithm in allowed if algorithm == own)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


class SigningKeys(Periodic):
    """The keys at ``url``. ``run`` keeps them fresh; without it they are fetched when they are asked for.

    ``clock`` returns seconds of a clock that is never set back.
    """

    def __init__(self, url: str, *, clock: Clock = time.monotonic) -> None:
        super().__init__()
        self._url = url
        self._clock = clock
        self._keys: list[SigningKey] = []
        self._fetched_at: float | None = None
        self._failing = False
        self._paused_until: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> SigningKey | None:
        """Return the key for a token that names these, or None when the provider has no such key.

        A token that names no key is checked with the only one that fits. Raises KeysUnavailable.
        """
        if not self._believed:
            await self._fetched()
            if not self._believed:
                raise KeysUnavailable
        found = self._known(key_id, algorithm)
        if found is None and key_id is not None and await self._fetched():
            found = self._known(key_id, algorithm)
        if found is None and self._failing:
            raise KeysUnavailable  # perhaps the provider has signed with a new key, and cannot tell us
        return found

    async def run(self) -> None:
        """Keep the keys fresh until ``stop``, so that no caller waits for the provider."""
        await super().run()
        if self._fetching is not None:
            self._fetching.cancel()

    async def turn(self) -> None:
        await self._fetched()

    def pause_seconds(self) -> float:
        return PAUSE_SECONDS if self._failing else REFRESH_SECONDS

    @property
    def _believed(self) -> bool:
        """Whether the keys at hand may be used as they are."""
        if self._fetched_at is None:
            return False
        age = self._clock() - self._fetched_at
        if age > FRESH_SECONDS and self._failing:
            self._begin()  # nobody waits for it: this caller is served with what there is
        return age <= (STALE_SECONDS if self._failing else FRESH_SECONDS)

    def _known(self, key_id: str | None, algorithm: str) -> SigningKey | None:
        fitting = [key for key in self._keys if algorithm in key.algorithms and key_id in (None, key.id)]
        return fitting[0] if len(fitting) == 1 or (fitting and key_id is not None) else None

    async def _fetched(self) -> bool:
        """Wait for the fetch that runs, or for a new one. False while there must be none."""
        self._begin()
        if self._fetching is None:
            return False
        # Shielded: a caller that stops waiting must not cancel the fetch that others wait for, too.
        await asyncio.shield(self._fetching)
        return True

    def _begin(self) -> None:
        if self._fetching is None and (self._paused_until is None or self._clock() >= self._paused_until):
            self._fetching = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        began = self._clock()
        try:
            self._keys = read_key_set(await _body(self._url))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if not self._failing:
                log.warning("the identity provider's keys cannot be had", error=type(error).__name__)
            self._failing = True
        else:
            if not self._keys:
                log.warning("the identity provider publishes no key that signatures can be checked with")
            self._failing = False
            # What was withdrawn while the answer was on its way was withdrawn after it was asked for.
            self._fetched_at = began
        finally:
            self._paused_until = self._clock() + PAUSE_SECONDS
            self._fetching = None


async def _body(url: str) -> bytes:
    """Return what the provider answers. Raises aiohttp.ClientError, TimeoutError, OSError or ValueError."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session, session.get(url) as answer:
        answer.raise_for_status()
        body = await answer.content.read(MAX_BYTES + 1)
        while len(body) <= MAX_BYTES and (piece := await answer.content.read(MAX_BYTES + 1 - len(body))):
            body += piece
    if len(body) > MAX_BYTES:
        raise ValueError("a key set of more than 1 MiB")
    return body
