"""The settings as they are shipped, and which others a figure was taken with."""

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings

PREFIX = "LEADFLOW_"
_ROOT = Path(__file__).resolve().parents[1]

LIMITS = {
    "LEADFLOW_MAX_ROWS_PER_FILE": "1000000",
    "LEADFLOW_QUOTA_ROWS": "2000000000",
    "LEADFLOW_QUOTA_IMPORTS": "1000000",
    "LEADFLOW_PARSE_SECONDS": "300",
}
"""What is raised for every figure: with the shipped quotas nobody could import twice 5,000 rows an hour."""


def settings_by_service() -> dict[str, type[BaseSettings]]:
    """Return the settings of every room under ``services``, by its name. A new room needs no line here."""
    rooms = sorted(path.parent.name for path in (_ROOT / "services").glob("*/settings.py"))
    return {room: import_module(f"services.{room}.settings").Settings for room in rooms}


def defaults() -> dict[str, str]:
    """Return the shipped value of every variable that holds no secret, as text."""
    return {
        f"{PREFIX}{name.upper()}": _shown(field.get_default())
        for settings in settings_by_service().values()
        for name, field in settings.model_fields.items()
        if SecretStr.__name__ not in str(field.annotation)
    }


def taken_with(**own: str) -> dict[str, str]:
    """Return the settings to measure with: the caller's environment, the limits, and those of the part itself."""
    known = defaults()
    return {name: value for name, value in sorted(os.environ.items()) if name in known} | LIMITS | own


def differences(settings: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return (shipped, taken with) of each variable that was not as it is shipped."""
    shipped = defaults()
    return {
        name: (shipped[name], value) for name, value in settings.items() if value.casefold() != shipped[name].casefold()
    }


def mark(settings: Mapping[str, str]) -> str:
    """Return how the figures' table marks what was taken with these settings."""
    changed = set(differences(settings))
    if not changed:
        return "shipped"
    return "limits †" if changed <= set(LIMITS) else "**others ‡**"


def _shown(default: object) -> str:
    return "" if default is None else str(default)
