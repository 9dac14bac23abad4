"""A few seconds of ``make fuzz``, always the same ones: each reader is given its seeds, changed a little."""

import warnings

import pytest

from tests.fuzz import targets
from tests.fuzz.one import changed_seeds
from tests.fuzz.seeds import seeds

CHANGES = 150


@pytest.mark.parametrize("name", targets.TARGETS)
def test_seeds_and_changes_of_them(name: str) -> None:
    found = seeds(name)
    assert found, "a reader without a seed is hardly fuzzed at all"
    changed = changed_seeds(name, found, CHANGES)
    assert len(set(changed) - set(found)) > CHANGES // 2
    for content in [*found, *changed]:
        try:
            targets.TARGETS[name](content)
        except Exception:
            warnings.warn(f"{name}: {content!r:.2000}", stacklevel=1)
            raise
