"""The cache of accounts, sources and tags remembers good answers, for a while, company by company."""

from services.api.accepting.reference_cache import MOST_REMEMBERED, ReferenceCache
from tests.support.clocks import Clock

WANTED = [("account", 1), ("source", 2), ("tag", 3)]


def test_nothing_is_known_at_first() -> None:
    assert not ReferenceCache(60, monotonic=Clock()).knows(1, WANTED)


def test_what_was_found_is_known_until_its_seconds_have_passed() -> None:
    clock = Clock()
    cache = ReferenceCache(60, monotonic=clock)
    cache.remember(1, WANTED)
    clock.now += 59.9
    assert cache.knows(1, WANTED)
    clock.now += 0.1
    assert not cache.knows(1, WANTED)


def test_each_reference_has_its_own_time() -> None:
    clock = Clock()
    cache = ReferenceCache(60, monotonic=clock)
    cache.remember(1, WANTED)
    clock.now += 30
    cache.remember(1, [("tag", 4)])
    clock.now += 40
    assert cache.knows(1, [("tag", 4)])
    assert not cache.knows(1, [*WANTED, ("tag", 4)])


def test_all_of_what_is_asked_must_be_known() -> None:
    cache = ReferenceCache(60, monotonic=Clock())
    cache.remember(1, WANTED)
    assert not cache.knows(1, [*WANTED, ("tag", 4)])
    assert not cache.knows(1, [("account", 2)])  # the id of another kind


def test_what_one_company_may_use_says_nothing_of_another() -> None:
    cache = ReferenceCache(60, monotonic=Clock())
    cache.remember(1, WANTED)
    assert not cache.knows(2, WANTED)


def test_a_finished_import_drops_its_companys_references_and_no_others() -> None:
    cache = ReferenceCache(60, monotonic=Clock())
    cache.remember(1, WANTED)
    cache.remember(2, WANTED)
    cache.drop(1)
    assert not cache.knows(1, [("account", 1)])
    assert cache.knows(2, WANTED)


def test_zero_seconds_switch_it_off() -> None:
    cache = ReferenceCache(0, monotonic=Clock())
    cache.remember(1, WANTED)
    assert not cache.knows(1, WANTED)


def test_it_does_not_grow_for_ever() -> None:
    cache = ReferenceCache(60, monotonic=Clock())
    for start in range(0, 3 * MOST_REMEMBERED, 1000):
        cache.remember(1, [("tag", start + number) for number in range(1000)])
    assert len(cache._found) <= MOST_REMEMBERED + 1000
    assert cache.knows(1, [("tag", 3 * MOST_REMEMBERED - 1)])
