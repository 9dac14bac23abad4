"""Keys of an identity provider that hangs, fails, rotates and withdraws: who is believed, and who waits."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from libs.common.web import signing_keys
from libs.common.web.auth import AuthSettings, TokenReader
from libs.common.web.caller import InvalidToken
from libs.common.web.signing_keys import FRESH_SECONDS, PAUSE_SECONDS, REFRESH_SECONDS, STALE_SECONDS, KeysUnavailable
from tests.support.clocks import Clock
from tests.support.identity_provider import (
    IdentityProvider,
    PrivateKey,
    ec_key,
    identity_provider,
    public_jwk,
    rsa_key,
    signed,
)
from tests.support.waiting import eventually

CLAIMS = {"sub": "7", "company_id": 3, "permissions": {"LEADS": ["IMPORT_LEADS"]}, "aud": "leadflow"}
OLD, NEW = public_jwk(rsa_key("old"), kid="old"), public_jwk(rsa_key("new"), kid="new")
MOST_SECONDS = 0.2
"""How long a user with a good token waits at most, whatever the provider and others do."""


@pytest_asyncio.fixture(scope="module")
async def provider() -> AsyncIterator[IdentityProvider]:
    async with identity_provider() as provider:
        yield provider


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(provider: IdentityProvider, clock: Clock) -> TokenReader:
    return TokenReader(AuthSettings(jwks_url=provider.url, jwt_audience="leadflow"), clock=clock)


def token(name: str, kid: str | None = None) -> str:
    return signed(CLAIMS, rsa_key(name), "RS256", kid or name)


async def test_a_withdrawn_key_is_refused_after_five_minutes(
    provider: IdentityProvider, reader: TokenReader, clock: Clock
) -> None:
    await provider.publishes(OLD, NEW)
    assert (await reader.read(token("old"))).user_id == 7
    await provider.publishes(NEW)
    clock.passes(FRESH_SECONDS - 1)
    assert (await reader.read(token("old"))).user_id == 7
    clock.passes(2)
    with pytest.raises(InvalidToken):
        await reader.read(token("old"))
    assert (await reader.read(token("new"))).user_id == 7


async def test_a_withdrawn_key_is_believed_for_an_hour_at_most_while_the_provider_fails(
    provider: IdentityProvider, reader: TokenReader, clock: Clock
) -> None:
    await provider.publishes(OLD)
    await reader.read(token("old"))
    await provider.fails()
    for _ in range(11):
        clock.passes((STALE_SECONDS - 60) / 11)
        assert (await reader.read(token("old"))).user_id == 7
    clock.passes(120)
    with pytest.raises(KeysUnavailable):
        await reader.read(token("old"))
    clock.passes(PAUSE_SECONDS)
    await provider.publishes(NEW)
    with pytest.raises(InvalidToken):
        await reader.read(token("old"))


async def test_a_hundred_unknown_keys_beside_a_hanging_provider_hold_up_nobody(
    provider: IdentityProvider, reader: TokenReader, clock: Clock
) -> None:
    await provider.publishes(OLD)
    await reader.read(token("old"))
    await provider.hangs()
    clock.passes(PAUSE_SECONDS)
    strangers = [asyncio.create_task(reader.read(token("old", kid=f"stranger-{n}"))) for n in range(100)]
    try:

        async def asked() -> bool:
            return await provider.asked() == 1

        await eventually(asked, what="the provider being asked")
        waited = 0.0
        for _ in range(20):
            began = time.monotonic()
            assert (await reader.read(token("old"))).user_id == 7
            waited = max(waited, time.monotonic() - began)
        assert waited <= MOST_SECONDS
        assert not any(task.done() for task in strangers)
        answers = await asyncio.gather(*strangers, return_exceptions=True)
        assert {type(answer) for answer in answers} <= {KeysUnavailable, InvalidToken}
    finally:
        for task in strangers:
            task.cancel()


async def test_nobody_waits_for_a_hanging_provider_when_the_keys_are_old(
    provider: IdentityProvider, reader: TokenReader, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The background fetch finds out in time that the provider hangs."""
    monkeypatch.setattr(signing_keys, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(signing_keys, "REFRESH_SECONDS", 0.1)
    await provider.publishes(OLD)
    background = asyncio.create_task(reader.run())
    try:
        await reader.read(token("old"))
        await provider.hangs()
        clock.passes(REFRESH_SECONDS)

        async def noticed() -> bool:
            return reader._keys is not None and reader._keys._failing

        await eventually(noticed, what="a fetch that failed")
        for _ in range(5):
            clock.passes(FRESH_SECONDS)
            began = time.monotonic()
            assert (await reader.read(token("old"))).user_id == 7
            assert time.monotonic() - began <= MOST_SECONDS
    finally:
        reader.stop()
        await asyncio.wait_for(background, 5)


async def test_unknown_keys_make_one_fetch_a_pause(
    provider: IdentityProvider, reader: TokenReader, clock: Clock
) -> None:
    await provider.publishes(OLD)
    for _ in range(3):
        clock.passes(PAUSE_SECONDS)
        answers = await asyncio.gather(
            *(reader.read(token("old", kid=f"stranger-{n}")) for n in range(50)), return_exceptions=True
        )
        assert {type(answer) for answer in answers} == {InvalidToken}
    assert await provider.asked() == 3


async def test_a_new_key_is_believed_from_its_first_token_on(
    provider: IdentityProvider, reader: TokenReader, clock: Clock
) -> None:
    await provider.publishes(OLD)
    await reader.read(token("old"))
    await provider.publishes(OLD, NEW)
    clock.passes(PAUSE_SECONDS)
    assert (await reader.read(token("new"))).user_id == 7
    assert (await reader.read(token("old"))).user_id == 7


async def test_a_provider_that_was_away_is_asked_again_after_the_pause(
    provider: IdentityProvider, reader: TokenReader, clock: Clock
) -> None:
    await provider.fails()
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await reader.read(token("old"))
    assert await provider.asked() == 1
    await provider.publishes(OLD)
    clock.passes(PAUSE_SECONDS)
    assert (await reader.read(token("old"))).user_id == 7


PRIVATE = RSAAlgorithm.to_jwk(rsa_key("old"), as_dict=True) | {"kid": "private", "key_ops": ["sign", "verify"]}
BODIES: dict[str, tuple[str, type[Exception]]] = {
    "an empty set": ('{"keys": []}', InvalidToken),
    "keys that are no list": ('{"keys": {"old": 1}}', KeysUnavailable),
    "no set": ("[]", KeysUnavailable),
    "a page": ("<html>", KeysUnavailable),
    "nothing": ("", KeysUnavailable),
    "not UTF-8": ("ÿ", KeysUnavailable),
    "deep": ("[" * 200_000, KeysUnavailable),
    "endless": ('{"keys": [' + " " * (1 << 20) + "]}", KeysUnavailable),
    "entries of every kind": (
        '{"keys": [1, null, "x", [], {}, {"kty": 1}, {"kty": ["RSA"], "kid": "old"}]}',
        InvalidToken,
    ),
    "a shared secret": ('{"keys": [{"kty": "oct", "k": "b2xk", "kid": "old"}]}', InvalidToken),
    "a shared secret that says RS256": (
        '{"keys": [{"kty": "oct", "k": "b2xk", "kid": "old", "alg": "RS256"}]}',
        InvalidToken,
    ),
    "a curve": (json.dumps({"keys": [public_jwk(ec_key("old"), kid="old")]}), InvalidToken),
    "a curve of another world": ('{"keys": [{"kty": "EC", "crv": "P-9", "kid": "old"}]}', InvalidToken),
    "a curve that is no word": ('{"keys": [{"kty": "EC", "crv": ["P-256"], "kid": "old"}]}', InvalidToken),
    "a point that is not on the curve": (
        '{"keys": [{"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB", "kid": "old"}]}',
        InvalidToken,
    ),
    "no modulus": ('{"keys": [{"kty": "RSA", "e": "AQAB", "kid": "old"}]}', InvalidToken),
    "a modulus that is no text": ('{"keys": [{"kty": "RSA", "e": "AQAB", "n": 5, "kid": "old"}]}', InvalidToken),
    "a short modulus": (json.dumps({"keys": [public_jwk(rsa_key("short", 1024), kid="old")]}), InvalidToken),
    "a private key": (json.dumps({"keys": [PRIVATE | {"kid": "old"}]}), InvalidToken),
    "for encryption": (json.dumps({"keys": [OLD | {"use": "enc"}]}), InvalidToken),
    "for an encryption's algorithm": (json.dumps({"keys": [OLD | {"alg": "RSA-OAEP"}]}), InvalidToken),
    "to sign with only": (json.dumps({"keys": [OLD | {"key_ops": ["sign"]}]}), InvalidToken),
    "key_ops that are no list": (json.dumps({"keys": [OLD | {"key_ops": 7}]}), InvalidToken),
}


@pytest.mark.parametrize("case", BODIES)
async def test_whatever_a_provider_publishes_is_a_refusal(
    provider: IdentityProvider, reader: TokenReader, case: str
) -> None:
    body, refusal = BODIES[case]
    await provider.publishes(body=body)
    with pytest.raises(refusal):
        await reader.read(token("old"))


async def test_what_is_no_key_of_ours_does_not_hide_those_that_are(
    provider: IdentityProvider, reader: TokenReader
) -> None:
    odd: list[Any] = [{"kty": "oct", "k": "b2xk", "kid": "old"}, {"kty": "EC", "kid": "old"}, {}, PRIVATE]
    await provider.publishes(*odd, OLD)
    assert (await reader.read(token("old"))).user_id == 7


ALGORITHMS: dict[str, PrivateKey] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), rsa_key("old")),
    "ES256": ec_key("p256"),
    "ES384": ec_key("p384", ec.SECP384R1),
    "ES512": ec_key("p521", ec.SECP521R1),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("says", [True, False], ids=["the key says its algorithm", "it does not"])
async def test_an_algorithm_counts_with_keys_of_its_kind(
    provider: IdentityProvider, reader: TokenReader, algorithm: str, says: bool
) -> None:
    key = ALGORITHMS[algorithm]
    await provider.publishes(public_jwk(key, kid="one", **({"alg": algorithm} if says else {})))
    assert (await reader.read(signed(CLAIMS, key, algorithm, "one"))).user_id == 7
    assert (await reader.read(signed(CLAIMS, key, algorithm, None))).user_id == 7


async def test_a_keys_own_algorithm_excludes_the_others(provider: IdentityProvider, reader: TokenReader) -> None:
    await provider.publishes(OLD | {"alg": "RS256"})
    assert await reader.read(signed(CLAIMS, rsa_key("old"), "RS256", "old"))
    for algorithm in ("RS512", "PS256"):
        with pytest.raises(InvalidToken):
            await reader.read(signed(CLAIMS, rsa_key("old"), algorithm, "old"))


async def test_a_public_key_is_never_taken_for_a_shared_secret(provider: IdentityProvider, reader: TokenReader) -> None:
    """The well-known confusion: HS256 with the text of the public key, which everybody has."""
    await provider.publishes(OLD)
    text = rsa_key("old").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def part(value: dict[str, Any]) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    claims = CLAIMS | {"exp": int(time.time()) + 3_600}
    for algorithm in ("HS256", "none", ["HS256"], None):
        message = part({"alg": algorithm, "kid": "old"}) + b"." + part(claims)
        mark = base64.urlsafe_b64encode(hmac.new(text, message, hashlib.sha256).digest()).rstrip(b"=")
        with pytest.raises(InvalidToken):
            await reader.read((message + b"." + mark).decode())


async def test_a_token_without_a_key_id_among_several_keys_is_refused(
    provider: IdentityProvider, reader: TokenReader
) -> None:
    await provider.publishes(OLD, NEW)
    with pytest.raises(InvalidToken):
        await reader.read(signed(CLAIMS, rsa_key("old"), "RS256", None))
