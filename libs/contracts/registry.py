"""Every owner's topics. An owner is a folder beside this file with a ``registry`` of its own; nothing names it here."""

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from libs.common.topics import Registry


@cache
def registries() -> tuple[Registry, ...]:
    """Return the registries of all owners, in the order of their names."""
    owners = sorted(found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)]) if found.ispkg)
    return tuple(importlib.import_module(f"libs.contracts.{owner}.registry").REGISTRY for owner in owners)
