"""Where Maven keeps what it fetches for the local stack's Kafka."""

import pwd
from pathlib import Path

import pytest

from deploy.local import kafka


def live_in(home: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the user this home in the password file; None: the user does not stand in it."""
    real = tuple(pwd.getpwuid(0))

    def user(_: int) -> pwd.struct_passwd:
        if home is None:
            raise KeyError
        return pwd.struct_passwd((*real[:5], str(home), *real[6:]))

    monkeypatch.setattr(pwd, "getpwuid", user)


def test_a_home_that_is_there_or_can_be_made_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for home in (tmp_path, tmp_path / "new"):
        live_in(home, monkeypatch)
        assert kafka._has_home()


def test_a_user_without_a_home_can_fetch_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path / "file" / "home", None):
        live_in(home, monkeypatch)
        assert not kafka._has_home()
