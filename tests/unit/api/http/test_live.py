"""Streams are woken by their own import's events and forgotten when they end."""

import asyncio

from services.api.http.live import Live


def test_an_event_wakes_every_stream_of_its_import_and_no_other() -> None:
    live = Live()
    with live.watch(1) as first, live.watch(1) as second, live.watch(2) as other:
        live.notify(1)
        assert first.happened.is_set()
        assert second.happened.is_set()
        assert not other.happened.is_set()


def test_an_event_of_an_import_that_nobody_watches_does_nothing() -> None:
    Live().notify(1)


def test_a_stream_that_ended_is_forgotten_and_leaves_the_others() -> None:
    live = Live()
    with live.watch(1) as staying:
        with live.watch(1) as ended:
            pass
        live.notify(1)
        assert staying.happened.is_set()
        assert not ended.happened.is_set()
    assert not live._streams


async def test_what_happens_before_the_stream_waits_is_not_missed() -> None:
    live = Live()
    with live.watch(1) as watch:
        live.notify(1)
        await asyncio.wait_for(watch.happened.wait(), 1)
