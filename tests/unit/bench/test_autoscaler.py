"""The rule by which the rehearsal scales creators: KEDA's number, held to the shipped behaviour."""

from dataclasses import replace

import pytest

from bench.autoscaler import Autoscaler, Behaviour, Scaling, shipped
from deploy.processes import BY_NAME

SHIPPED = shipped("creator")
ONE = replace(SHIPPED, minimum=1)


def test_it_is_what_the_manifests_say() -> None:
    creator = BY_NAME["creator"]
    assert (
        Scaling(
            group="creator",
            topic="lead.import-chunk-tagged.v1",
            threshold=creator.lag_threshold,
            minimum=creator.minimum,
            maximum=creator.maximum,
            every=15,
            up=Behaviour(window=0, pods=4, period=30),
            down=Behaviour(window=300, pods=2, period=60),
        )
        == SHIPPED
    )


@pytest.mark.parametrize(
    ("lag", "processes", "wanted"),
    [(0, 1, 1), (3, 1, 1), (4, 1, 2), (7, 1, 3), (12, 4, 4), (1_000, 1, 4), (13, 4, 4)],
)
def test_as_many_processes_as_thresholds_wait(lag: int, processes: int, wanted: int) -> None:
    assert Autoscaler(ONE).decide(0, lag, processes) == wanted


def test_never_fewer_than_the_least_nor_more_than_the_most() -> None:
    assert Autoscaler(SHIPPED).decide(0, 0, 2) == SHIPPED.minimum
    assert Autoscaler(SHIPPED).decide(0, 10**6, 2) == SHIPPED.maximum


def test_within_a_tenth_of_the_threshold_nothing_changes() -> None:
    many = replace(ONE, threshold=20, maximum=9)
    assert Autoscaler(many).decide(0, 21, 1) == 1
    assert Autoscaler(many).decide(0, 23, 1) == 2


def test_processes_are_taken_away_when_none_was_wanted_for_the_whole_window() -> None:
    scaler = Autoscaler(ONE)
    assert scaler.decide(0, 12, 4) == 4
    assert [scaler.decide(at, 0, 4) for at in range(15, 300, 15)] == [4] * 19
    assert scaler.decide(300, 0, 4) == 2


def test_a_peak_amid_the_window_begins_it_anew() -> None:
    scaler = Autoscaler(ONE)
    scaler.decide(0, 12, 4)
    scaler.decide(200, 12, 4)
    assert scaler.decide(400, 0, 4) == 4
    assert scaler.decide(500, 0, 4) == 2


def test_no_more_of_them_a_period_than_may_be() -> None:
    scaler = Autoscaler(replace(ONE, maximum=12, down=Behaviour(window=0, pods=2, period=60)))
    assert scaler.decide(0, 100, 1) == 5
    assert scaler.decide(15, 100, 5) == 5
    assert scaler.decide(30, 100, 5) == 9
    assert scaler.decide(100, 0, 9) == 7
    assert scaler.decide(115, 0, 7) == 7
    assert scaler.decide(160, 0, 7) == 5


def test_at_another_pace_only_times_change() -> None:
    twice = SHIPPED.at(2)
    assert (twice.every, twice.down) == (7.5, Behaviour(window=150, pods=2, period=30))
    assert replace(twice, every=15, up=SHIPPED.up, down=SHIPPED.down) == SHIPPED
