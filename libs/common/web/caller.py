"""Who a token says its bearer is: pure. Identity providers print the same facts under many names and in many forms."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from libs.common.messages import ID_LIMIT

SEPARATOR = ":"
"""Between a module and a permission where a token lists them as words: ``DOORS:OPEN``."""


_LAST_SECOND = 253_402_300_799.0
"""Of the year 9999, with which dates end. A provider that counts in milliseconds names later ones."""


_ABSENT: Any = object()


class InvalidToken(Exception):
    """The caller must sign in again. Its text says why, for the log: it holds nothing of the token's."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The signed-in user. ``accounts`` None: all of the company's."""

    user_id: int
    company_id: int
    permissions: Mapping[str, frozenset[str]]
    accounts: frozenset[int] | None
    expires_at: float | None = None
    """When the token ends, in seconds since 1970, at most those of a date: nothing goes on for its bearer then."""

    def may(self, module: str, permission: str) -> bool:
        return permission in self.permissions.get(module, frozenset())

    def may_use(self, account_id: int) -> bool:
        return self.accounts is None or account_id in self.accounts


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Which claims say what. Dots go into nested claims, unless a claim is named so itself (``claim_at``)."""

    user: str = "sub"
    company: str = "company_id"
    permissions: str = "permissions"
    accounts: str = "accounts"
    permission_names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What the provider calls a permission, and what we do (``MODULE:PERMISSION``)."""


OUR_NAMES = ClaimNames()


def caller_of(claims: Mapping[str, Any], names: ClaimNames = OUR_NAMES) -> Caller:
    """Read who calls. Raises InvalidToken when a claim has a form that says nothing, or an id that no column holds.

    Ids are numbers or their digits, also as a list of one, which is how attributes of directories are printed.
    Permissions are a dictionary (``{"DOORS": ["OPEN"]}``), a list of words, or words in one text as ``scope``
    has them (RFC 8693, section 4.2). Accounts are a list of ids, or ids in one text between commas or blanks.
    """
    accounts = _found(claims, names.accounts)
    if accounts is None:
        # All of the company's are for a token that says nothing of them; one that means none, or whose provider does
        # not know them, must not open them all.
        raise InvalidToken("accounts: null")
    return Caller(
        user_id=_id(_only(claim_at(claims, names.user))),
        company_id=_id(_only(claim_at(claims, names.company))),
        permissions=_permissions(claim_at(claims, names.permissions), names.permission_names),
        accounts=None if accounts is _ABSENT else frozenset(_id(account) for account in _listed(accounts)),
        expires_at=_seconds(claims.get("exp")),
    )


def claim_at(claims: Mapping[str, Any], name: str) -> Any:
    """Return the claim of this name, or None.

    ``realm_access.roles`` is the claim ``roles`` within ``realm_access``; a claim whose own name has dots in it, as
    ``https://example.com/company`` has, is found first.
    """
    found = _found(claims, name)
    return None if found is _ABSENT else found


def _found(claims: Mapping[str, Any], name: str) -> Any:
    """Return the claim; ``_ABSENT`` where nothing is said of it; None where it, or what should hold it, holds none."""
    if name in claims:
        return claims[name]
    best, end = _ABSENT, len(name)
    while (end := name.rfind(".", 0, end)) > 0:
        if name[:end] not in claims:
            continue
        inner = claims[name[:end]]
        found = _found(inner, name[end + 1 :]) if isinstance(inner, dict) else None
        if found is not None and found is not _ABSENT:
            return found
        best = None if found is None else best
    return best


def _permissions(claim: object, names: Mapping[str, str]) -> dict[str, frozenset[str]]:
    granted: defaultdict[str, set[str]] = defaultdict(set)
    for word in _words(claim):
        module, separator, permission = names.get(word, word).partition(SEPARATOR)
        if separator and _can_be_said(word):
            granted[module].add(permission)
    return {module: frozenset(permissions) for module, permissions in granted.items()}


def _can_be_said(word: str) -> bool:
    """Tell whether UTF-8 has it: JSON can also write half a character, which is in no permission of ours."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _words(claim: object) -> Iterator[str]:
    """Yield each permission as ``MODULE:PERMISSION``, or as the provider calls it."""
    if claim is None:
        return
    if isinstance(claim, dict):
        for module, permissions in claim.items():
            if not isinstance(permissions, list):
                raise InvalidToken("permissions")
            yield from (f"{module}{SEPARATOR}{permission}" for permission in permissions)
        return
    words = claim.split() if isinstance(claim, str) else claim
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InvalidToken("permissions")
    yield from words


def _listed(claim: object) -> list[Any]:
    if isinstance(claim, str):
        return claim.replace(",", " ").split()
    if isinstance(claim, list):
        return claim
    raise InvalidToken("accounts")


def _seconds(claim: object) -> float | None:
    try:
        return min(float(claim), _LAST_SECOND)  # type: ignore[arg-type]
    except OverflowError:
        return _LAST_SECOND
    except (TypeError, ValueError):
        return None


def _only(claim: object) -> object:
    return claim[0] if isinstance(claim, list) and len(claim) == 1 else claim


def _id(claim: object) -> int:
    if isinstance(claim, str) and claim.isascii() and claim.isdigit() and len(claim) <= len(str(ID_LIMIT)):
        claim = int(claim)
    if isinstance(claim, int) and not isinstance(claim, bool) and 1 <= claim <= ID_LIMIT:
        return claim
    raise InvalidToken("id")
