"""A plugin of pytest: each property test is tried with ``LEADFLOW_FUZZ_TIMES`` times its examples."""

import os

import pytest
from hypothesis import settings

_KEPT = "_hypothesis_internal_use_settings"
"""Where hypothesis keeps what ``@settings`` says of a test: no profile changes what a test says of itself."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    times = int(os.environ["LEADFLOW_FUZZ_TIMES"])
    for item in items:
        function = item.obj if isinstance(item, pytest.Function) else None
        if hasattr(function, "hypothesis"):
            own: settings | None = getattr(function, _KEPT, settings.default)
            if own is not None:
                setattr(function, _KEPT, settings(own, max_examples=times * own.max_examples))
