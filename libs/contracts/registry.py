"""Every owner's topics. An owner is a folder beside this file with a ``registry`` of its own; nothing names it here."""

import importlib
from functools import cache
from pathlib import Path

from libs.common.topics import Registry

FOLDER = Path(__file__).parent


class WrongContracts(RuntimeError):
    """A folder of contracts is not what it must be. The text says what to do."""


@cache
def registries() -> tuple[Registry, ...]:
    """Return the registries of all owners, in the order of their names. Raises WrongContracts."""
    return tuple(_registry(folder) for folder in owners_in(FOLDER))


def owners_in(folder: Path) -> list[str]:
    """Return the names of the owners' folders. Raises WrongContracts for one that Python would not find."""
    found = sorted(path.parent for path in folder.glob("*/registry.py"))
    for owner in found:
        if not (owner / "__init__.py").exists():
            raise WrongContracts(f"libs/contracts/{owner.name} has no __init__.py: write one that says whose it is.")
    return [owner.name for owner in found]


def checked(owner: str, registry: Registry) -> Registry:
    """Return the registry of the folder ``owner``. Raises WrongContracts when it names another owner."""
    if registry.owner != owner:
        raise WrongContracts(
            f"REGISTRY.owner in libs/contracts/{owner} is {registry.owner!r}: it must be the folder's name."
        )
    return registry


def _registry(owner: str) -> Registry:
    found: Registry = importlib.import_module(f"libs.contracts.{owner}.registry").REGISTRY
    return checked(owner, found)
