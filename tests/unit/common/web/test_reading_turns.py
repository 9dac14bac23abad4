"""Who of many goes on in which turn of the event loop."""

import asyncio

from libs.common.web.reading_turns import Turns, turns_of
from tests.support.turns import counted_turns


async def test_in_a_turn_of_the_loop_one_of_all_goes_on_in_the_order_in_which_they_came() -> None:
    turns, went_on = Turns(), list[tuple[str, int]]()

    def waits(name: str, times: int) -> None:
        def go_on() -> None:
            went_on.append((name, now()))
            if times > 1:
                waits(name, times - 1)

        turns.wait(go_on)

    async with counted_turns() as now:
        for name in ("a", "b", "c"):
            waits(name, 2)
        while len(went_on) < 6:  # noqa: ASYNC110 turns of the loop are what passes
            await asyncio.sleep(0)
    assert [name for name, _ in went_on] == ["a", "b", "c", "a", "b", "c"]
    assert len({turn for _, turn in went_on}) == len(went_on)


async def test_who_fails_keeps_no_other_from_going_on() -> None:
    loop, turns, went_on, failures = asyncio.get_running_loop(), Turns(), list[int](), list[object]()

    def fails() -> None:
        raise ValueError

    usual = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
    try:
        turns.wait(fails)
        turns.wait(lambda: went_on.append(1))
        for _ in range(3):
            await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(usual)
    assert (went_on, [type(failure) for failure in failures]) == ([1], [ValueError])


async def test_all_connections_of_a_loop_share_its_turns_and_no_other_loop_does() -> None:
    loop, other = asyncio.get_running_loop(), asyncio.new_event_loop()
    try:
        assert turns_of(loop) is turns_of(loop)
        assert turns_of(loop) is not turns_of(other)
    finally:
        other.close()
