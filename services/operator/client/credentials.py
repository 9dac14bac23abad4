"""Where the API is and who calls: a flag, then the environment, then the file of ``leadflow auth login``."""

import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LOCAL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Credentials:
    """``token`` is None for whoever has not signed in at this address."""

    url: str
    token: str | None


def config_file() -> Path:
    """Return where a login is kept, after the XDG base directory specification."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "leadflow" / "config.toml"


def _kept() -> Mapping[str, str]:
    try:
        return {name: str(value) for name, value in tomllib.loads(config_file().read_text(encoding="utf-8")).items()}
    except (OSError, ValueError):
        return {}


def credentials(url: str | None) -> Credentials:
    """Return them. A kept token is sent to the address that it was given for, and to no other."""
    kept = _kept()
    chosen = (url or os.environ.get("LEADFLOW_API_URL") or kept.get("url") or LOCAL).rstrip("/")
    token = os.environ.get("LEADFLOW_TOKEN") or (kept.get("token") if kept.get("url") == chosen else None)
    return Credentials(chosen, token)


def keep(login: Credentials) -> Path:
    """Write a login for its owner's eyes only, whole or not at all."""
    path = config_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # JSON's strings are TOML's, too.
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in (("url", login.url), ("token", login.token)) if value]
    save(path, "".join(lines).encode())
    return path


def forget() -> bool:
    """Forget the login; return whether there was one."""
    with suppress(FileNotFoundError):
        config_file().unlink()
        return True
    return False


def save(path: Path, content: bytes) -> None:
    """Write a file for its owner alone (0600), whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
