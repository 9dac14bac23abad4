"""Who calls: bearer JWTs, HS256 with a secret locally, RS256 with the identity provider's JWKS in production."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt import PyJWKClient, PyJWKClientError
from pydantic import Field, SecretStr, model_validator

from libs.common.messages import ID_LIMIT
from libs.common.settings import EnvironmentSettings

SECRET_BYTES = 32
"""RFC 7518, section 3.2: a key of the hash's size or larger."""


class AuthSettings(EnvironmentSettings):
    """Exactly one of ``jwt_secret`` and ``jwks_url`` is set."""

    jwt_secret: SecretStr | None = None
    """HS256 secret of 32 bytes or more."""
    jwks_url: str | None = None
    """Where the identity provider publishes its RS256 keys."""
    jwt_audience: str | None = None
    """The ``aud`` that a token must name."""
    jwt_issuer: str | None = None
    """The ``iss`` that a token must name."""
    jwt_leeway_seconds: int = Field(30, ge=0)
    """How far the clocks of the identity provider and of this service may differ."""

    @model_validator(mode="after")
    def _one_kind_of_key(self) -> "AuthSettings":
        if (self.jwt_secret is None) == (self.jwks_url is None):
            raise ValueError("set either LEADFLOW_JWT_SECRET or LEADFLOW_JWKS_URL")
        if self.jwt_secret is not None and len(self.jwt_secret.get_secret_value().encode()) < SECRET_BYTES:
            raise ValueError("LEADFLOW_JWT_SECRET must have 32 bytes or more")
        return self


class InvalidToken(Exception):
    """The caller must sign in again."""


class KeysUnavailable(Exception):
    """The identity provider's keys cannot be had for now; the caller may try again."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The signed-in user. ``accounts`` None: all of the company's."""

    user_id: int
    company_id: int
    permissions: Mapping[str, frozenset[str]]
    accounts: frozenset[int] | None

    def may(self, module: str, permission: str) -> bool:
        return permission in self.permissions.get(module, frozenset())

    def may_use(self, account_id: int) -> bool:
        return self.accounts is None or account_id in self.accounts


class TokenReader:
    """Checks signature, times, audience and issuer, and reads the claims."""

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings
        self._jwks = PyJWKClient(settings.jwks_url, cache_keys=True, timeout=5) if settings.jwks_url else None

    async def read(self, token: str) -> Caller:
        """Return the caller. Raises InvalidToken, or KeysUnavailable."""
        # In a thread only where the identity provider's keys may have to be fetched, which would hold the event loop.
        return await asyncio.to_thread(self._read, token) if self._jwks else self._read(token)

    def _read(self, token: str) -> Caller:
        settings = self._settings
        try:
            if self._jwks is not None:
                key: Any = self._jwks.get_signing_key_from_jwt(token).key
                algorithm = "RS256"
            else:
                key = settings.jwt_secret.get_secret_value() if settings.jwt_secret else ""
                algorithm = "HS256"
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=settings.jwt_audience,
                issuer=settings.jwt_issuer,
                leeway=settings.jwt_leeway_seconds,
                options={
                    "require": ["sub", "exp"],
                    "verify_aud": settings.jwt_audience is not None,
                    # When a token was made limits nothing (RFC 7519, 4.1.6), and if our clock were slow, every fresh
                    # token would seem to come from the future and be refused.
                    "verify_iat": False,
                },
            )
        except jwt.PyJWKClientConnectionError as error:
            raise KeysUnavailable from error
        except (jwt.InvalidTokenError, PyJWKClientError, ValueError) as error:
            raise InvalidToken(type(error).__name__) from None
        return caller_of(claims)


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """Read the claims that ``Caller`` lists. Raises InvalidToken when one has another form."""
    permissions = claims.get("permissions") or {}
    accounts = claims.get("accounts")
    if not isinstance(permissions, dict) or not (accounts is None or isinstance(accounts, list)):
        raise InvalidToken("claims")
    modules: dict[str, frozenset[str]] = {}
    for module, granted in permissions.items():
        if not isinstance(granted, list):
            raise InvalidToken("permissions")
        modules[str(module)] = frozenset(str(permission) for permission in granted)
    return Caller(
        user_id=_id(claims.get("sub")),
        company_id=_id(claims.get("company_id")),
        permissions=modules,
        accounts=None if accounts is None else frozenset(_id(account) for account in accounts),
    )


def _id(claim: object) -> int:
    if isinstance(claim, str) and claim.isascii() and claim.isdigit() and len(claim) <= len(str(ID_LIMIT)):
        claim = int(claim)
    if isinstance(claim, int) and not isinstance(claim, bool) and 1 <= claim <= ID_LIMIT:
        return claim
    raise InvalidToken("id")
