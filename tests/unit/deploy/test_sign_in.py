"""Codes of links: good once, for a minute, for tokens of a quarter of an hour, and only in the life of the process."""

import jwt
import pytest

from deploy.local.sign_in import Codes, NoCode, new_code

SECRET = "a secret of thirty-two bytes or more"
NOW = 1_800_000_000.0


def code(*, secret: str = SECRET, now: float = NOW) -> str:
    return new_code(secret, user_id="7", company_id=3, now=now)


def codes(now: list[float]) -> Codes:
    return Codes(SECRET, clock=lambda: now[0])


def test_a_code_is_changed_for_a_token_of_fifteen_minutes() -> None:
    token, expires_at = codes([NOW]).change(code())
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})
    assert (claims["sub"], claims["company_id"], claims["exp"]) == ("7", 3, expires_at)
    assert expires_at == NOW + 900


def test_a_code_is_good_once() -> None:
    known, given = codes([NOW]), code()
    known.change(given)
    with pytest.raises(NoCode):
        known.change(given)
    known.change(code())


def test_a_code_is_good_for_a_minute() -> None:
    now = [NOW]
    known = codes(now)
    now[0] = NOW + 59.9
    known.change(code())
    now[0] = NOW + 60
    with pytest.raises(NoCode):
        known.change(code())


@pytest.mark.parametrize(
    "given",
    [
        "",
        "no code",
        code(secret="another secret of thirty-two bytes"),
        code(now=NOW - 1),  # made before this process, which cannot know whether it was changed
        jwt.encode({"sub": "7", "company_id": 3, "jti": "x", "made_at": NOW, "exp": NOW + 60}, SECRET),  # a token's key
    ],
    ids=["empty", "words", "another stack's", "before the start", "signed as a token"],
)
def test_what_is_no_code_of_ours_is_refused(given: str) -> None:
    with pytest.raises(NoCode):
        codes([NOW]).change(given)
