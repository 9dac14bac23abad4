"""Tokens for trying the API by hand, and links to the console: what the platform's login would issue."""

import time

import jwt

from deploy.local import sign_in
from deploy.local.instance import Instance, StackError

EVERYTHING = ",".join(sign_in.EVERYTHING)


def issue(
    instance: Instance,
    *,
    company_id: str = "1",
    user_id: str = "1",
    permissions: str = EVERYTHING,
    accounts: str | None = None,
    expires_in: str = "43200",
) -> str:
    """Return a JWT (HS256, the instance's secret).

    ``permissions`` and ``accounts`` are comma lists; a permission without a module is one of ``LEADS``, an
    empty list grants nothing. ``accounts=None`` leaves the claim out: all of the company's. Seconds may be
    negative: a token that has expired. Raises ``StackError`` naming what is no number.
    """
    granted: dict[str, list[str]] = {}
    for item in filter(None, (part.strip() for part in permissions.split(","))):
        module, colon, permission = item.partition(":")
        granted.setdefault(module if colon else "LEADS", []).append(permission if colon else item)
    now = int(time.time())
    claims: dict[str, object] = {
        "sub": user_id,
        "company_id": _integer("COMPANY_ID", company_id),
        "permissions": granted,
        "iat": now,
        "exp": now + _integer("EXPIRES_IN", expires_in),
    }
    if accounts is not None:
        claims["accounts"] = [_integer("ACCOUNTS", part) for part in accounts.split(",") if part.strip()]
    return jwt.encode(claims, instance.secrets().jwt_secret, algorithm="HS256")


def link(instance: Instance, address: str, *, company_id: str = "1", user_id: str = "1") -> str:
    """Return a link that signs in to the console at ``address``, once and within a minute."""
    code = sign_in.new_code(
        instance.secrets().jwt_secret,
        user_id=user_id,
        company_id=_integer("COMPANY_ID", company_id),
        now=time.time(),
    )
    return f"{address}/console/#code={code}"


def _integer(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise StackError(f"{name}={text!r}: use a number.") from None
