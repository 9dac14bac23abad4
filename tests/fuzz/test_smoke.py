"""A few seconds of ``make fuzz``, always the same ones: each reader is given its seeds, changed a little."""

import time
import warnings
from contextlib import nullcontext

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
            targets.check(name, content)
        except Exception:
            warnings.warn(f"{name}: {content!r:.2000}", stacklevel=1)
            raise


@pytest.mark.parametrize("work", [True, False], ids=["works", "waits"])
def test_work_at_an_input_is_counted_and_not_the_time_that_others_take(
    work: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = 0.05

    def read(_: bytes) -> None:
        clock = time.process_time if work else time.monotonic
        until = clock() + 4 * allowed
        while clock() < until:
            time.sleep(0 if work else allowed)

    monkeypatch.setattr(targets, "SECONDS_PER_INPUT", allowed)
    monkeypatch.setattr(targets, "TARGETS", {"csv": read})
    with pytest.raises(targets.TooSlow) if work else nullcontext():
        targets.check("csv", b"")
