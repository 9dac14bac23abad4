"""The tables behind the wall between companies, by owner: a module of this folder each, with its ``TABLES``.

``tests/integration/rules/test_row_level_security.py`` tries them all.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from tests.support.platform import Tenant

Statement = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Walled:
    """A table of a company's rows."""

    row: Callable[[Tenant, int, int], Statement]
    """Return an INSERT of one row of this company and this import of it, and its values.

    It is asked with 0 for the row that stands there before a test, and with 1 for another. A table with a single row a
    company ends its statement with ``ON CONFLICT … DO UPDATE``.
    """
    column: Literal["company_id", "import_id"] = "company_id"
    """Says whose a row is."""
    referred_to: bool = False
    """Other tables refer to its rows, so that they cannot be deleted."""


@cache
def walled() -> Mapping[str, Walled]:
    """Return the tables of all owners."""
    found: dict[str, Walled] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        found |= importlib.import_module(module.name).TABLES
    return found
