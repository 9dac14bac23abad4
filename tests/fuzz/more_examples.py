"""A plugin of pytest: each property test is tried with more examples, one after the other until the time is over.

They run in another order each time, so that each has its turn.
"""

import os
import random
import time

import pytest
from hypothesis import settings

_KEPT = "_hypothesis_internal_use_settings"
"""Where hypothesis keeps what ``@settings`` says of a test: no profile changes what a test says of itself."""
_ENDS = pytest.StashKey[float]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    times = int(os.environ["LEADFLOW_FUZZ_TIMES"])
    config.stash[_ENDS] = time.monotonic() + float(os.environ["LEADFLOW_FUZZ_SECONDS"])
    random.Random(os.environ["LEADFLOW_FUZZ_ORDER"]).shuffle(items)  # the same in each of xdist's processes
    functions = {item.obj for item in items if isinstance(item, pytest.Function)}  # one may have many parameters
    for function in functions:
        if hasattr(function, "hypothesis"):
            own: settings | None = getattr(function, _KEPT, settings.default)
            if own is not None:
                setattr(function, _KEPT, settings(own, max_examples=times * own.max_examples))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if time.monotonic() > item.config.stash[_ENDS]:
        pytest.skip("the time is over")
