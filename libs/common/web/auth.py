"""Who calls: bearer JWTs, signed with a secret locally, with an identity provider's published keys in production."""

import asyncio
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jwt
from pydantic import Field, SecretStr, field_validator, model_validator

from libs.common.settings import EnvironmentSettings
from libs.common.web.caller import SEPARATOR, Caller, ClaimNames, InvalidToken, caller_of, claim_at
from libs.common.web.signing_keys import Clock, SigningKeys

SECRET_BYTES = 32
"""RFC 7518, section 3.2: a key of the hash's size or larger."""
ANY = "any"
"""The word that says that an audience or issuer is deliberately not looked at."""


class AuthSettings(EnvironmentSettings):
    """Exactly one of ``jwt_secret`` and ``jwks_url`` is set. For providers: [tokens](../guide/tokens.md)."""

    jwt_secret: SecretStr | None = None
    """HS256 secret of 32 bytes or more."""
    jwks_url: str | None = None
    """Where the identity provider publishes its keys (RS, PS, ES algorithms). Audience or issuer must be set, too."""
    jwt_audience: str | None = None
    """What a token must be made for; of several, between commas, one. ``any``: for whatever it was made."""
    jwt_audience_claim: str = Field("aud", min_length=1)
    """The claim that says what a token was made for: ``client_id`` for access tokens of Cognito."""
    jwt_issuer: str | None = None
    """The ``iss`` that a token must name; of several, between commas, one. ``any``: whoever the keys belong to."""
    jwt_leeway_seconds: int = Field(30, ge=0)
    """How far the clocks of the identity provider and of this service may differ."""
    jwt_user_claim: str = Field("sub", min_length=1)
    """The claim that holds the user's id of the platform. Dots go into nested claims, here and in the next three."""
    jwt_company_claim: str = Field("company_id", min_length=1)
    """The claim that holds the company's id."""
    jwt_permissions_claim: str = Field("permissions", min_length=1)
    """The claim that lists permissions: a dictionary by module, a list, or words between blanks as in ``scope``."""
    jwt_accounts_claim: str = Field("accounts", min_length=1)
    """The claim with the ids of the accounts that a user may use. Without it in a token: all of the company's;
    a token where it is null is refused."""
    jwt_permission_names: dict[str, str] = Field({})
    """JSON: the provider's name of a permission, and ours, such as ``{"doors.open": "DOORS:OPEN"}``."""

    @field_validator("jwks_url", "jwt_audience", "jwt_issuer", mode="before")
    @classmethod
    def _empty_is_not_set(cls, value: object) -> object:
        return value or None

    @field_validator("jwt_permission_names")
    @classmethod
    def _module_and_permission(cls, names: dict[str, str]) -> dict[str, str]:
        for ours in names.values():
            module, _, permission = ours.partition(SEPARATOR)
            if not module or not permission:
                raise ValueError("permissions are written MODULE:PERMISSION")
        return names

    @model_validator(mode="after")
    def _one_kind_of_key(self) -> "AuthSettings":
        if (self.jwt_secret is None) == (self.jwks_url is None):
            raise ValueError("set either LEADFLOW_JWT_SECRET or LEADFLOW_JWKS_URL")
        if self.jwt_secret is not None and len(self.jwt_secret.get_secret_value().encode()) < SECRET_BYTES:
            raise ValueError("LEADFLOW_JWT_SECRET must have 32 bytes or more")
        if self.jwks_url is not None:
            if not self.jwks_url.startswith(("https://", "http://")):
                raise ValueError("LEADFLOW_JWKS_URL must be an address that begins with https://")
            if self.jwt_audience is None and self.jwt_issuer is None:
                # A provider signs tokens for many services with the same keys: without either, all of them would pass.
                raise ValueError(
                    "with LEADFLOW_JWKS_URL set LEADFLOW_JWT_AUDIENCE or LEADFLOW_JWT_ISSUER (or one of them to any)"
                )
        return self

    def claim_names(self) -> ClaimNames:
        """Return where a token says what."""
        return ClaimNames(
            user=self.jwt_user_claim,
            company=self.jwt_company_claim,
            permissions=self.jwt_permissions_claim,
            accounts=self.jwt_accounts_claim,
            permission_names=MappingProxyType(self.jwt_permission_names),
        )


class TokenReader:
    """Checks signature, times, audience and issuer, and reads the claims.

    ``run`` keeps the identity provider's keys fresh, beside the calls. ``clock`` is that of the keys' age.
    """

    def __init__(self, settings: AuthSettings, *, clock: Clock = time.monotonic) -> None:
        self._secret = settings.jwt_secret.get_secret_value() if settings.jwt_secret else ""
        self._keys = SigningKeys(settings.jwks_url, clock=clock) if settings.jwks_url else None
        self._audience_claim = settings.jwt_audience_claim
        self._audiences = _expected(settings.jwt_audience)
        self._issuers = _expected(settings.jwt_issuer)
        self._leeway = settings.jwt_leeway_seconds
        self._names = settings.claim_names()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Keep the provider's keys fresh until ``stop``; with a secret there is nothing to do until then."""
        await (self._stopping.wait() if self._keys is None else self._keys.run())

    def stop(self) -> None:
        self._stopping.set()
        if self._keys is not None:
            self._keys.stop()

    async def read(self, token: str) -> Caller:
        """Return the caller. Raises InvalidToken, or KeysUnavailable."""
        try:
            if self._keys is None:
                return self._caller(token, self._secret, "HS256")
            head = jwt.get_unverified_header(token)
            algorithm = str(head.get("alg"))
            found = await self._keys.find(head.get("kid"), algorithm)
            if found is None:
                raise InvalidToken("no such key")
            return self._caller(token, found.key, algorithm)
        except (jwt.PyJWTError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidToken(type(error).__name__) from None

    def _caller(self, token: str, key: Any, algorithm: str) -> Caller:
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=self._issuers,
            leeway=self._leeway,
            options={
                "require": ["exp"],
                # Checked below: not every provider calls it `aud`.
                "verify_aud": False,
                # The claim that names the user is a setting, and where it is another, `sub` says nothing to us.
                "verify_sub": False,
                # When a token was made limits nothing (RFC 7519, 4.1.6), and if our clock were slow, every fresh
                # token would seem to come from the future and be refused.
                "verify_iat": False,
            },
        )
        if self._audiences is not None and not self._audiences & _audiences(claims, self._audience_claim):
            raise InvalidToken("audience")
        return caller_of(claims, self._names)


def _expected(setting: str | None) -> frozenset[str] | None:
    """Return the values of which a token must name one, or None where whatever it names will do."""
    values = frozenset(value.strip() for value in (setting or "").split(",")) - {""}
    return None if not values or values == {ANY} else values


def _audiences(claims: Mapping[str, Any], name: str) -> set[str]:
    claim = claim_at(claims, name)
    return {value for value in (claim if isinstance(claim, list) else [claim]) if isinstance(value, str)}
