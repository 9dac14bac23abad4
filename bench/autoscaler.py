"""How many processes of a consumer a cluster would run: KEDA's number, and what Kubernetes lets become of it. Pure.

KEDA hands the lag of a group to Kubernetes' horizontal autoscaler, as a value that each process may have so much of.
The autoscaler divides, then holds the answer to its behaviour: how far back it looks, how many pods a period may
bring or take.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

TOLERANCE = 0.1
"""Kubernetes' own: within a tenth of the threshold nothing is changed."""

_KEDA = Path(__file__).resolve().parents[1] / "deploy" / "k8s" / "components" / "keda"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What holds a change of the number in one direction."""

    window: float
    """Seconds to look back: the mildest answer of them counts."""
    pods: int
    """At most so many a ``period`` of so many seconds."""
    period: float


@dataclass(frozen=True, slots=True)
class Scaling:
    """What ``deploy/k8s/components/keda`` says of one consumer. Times are seconds."""

    group: str
    topic: str
    threshold: int
    minimum: int
    maximum: int
    every: float
    """Between two looks at the lag."""
    up: Behaviour
    down: Behaviour

    def at(self, pace: float) -> "Scaling":
        """Return the same with all its times divided by ``pace``."""
        up, down = (replace(b, window=b.window / pace, period=b.period / pace) for b in (self.up, self.down))
        return replace(self, every=self.every / pace, up=up, down=down)


def shipped(name: str) -> Scaling:
    """Return how a consumer is scaled as shipped, by its first trigger."""
    objects: list[dict[str, Any]] = list(yaml.safe_load_all((_KEDA / "scaled-objects.yaml").read_text()))
    own = next(each["spec"] for each in objects if each["metadata"]["name"] == name)
    every_one: dict[str, Any] = yaml.safe_load((_KEDA / "scaling.yaml").read_text())["spec"]
    trigger = own["triggers"][0]["metadata"]
    behaviour = every_one["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    return Scaling(
        group=trigger["consumerGroup"],
        topic=trigger["topic"],
        threshold=int(trigger["lagThreshold"]),
        minimum=own["minReplicaCount"],
        maximum=own["maxReplicaCount"],
        every=every_one["pollingInterval"],
        up=_behaviour(behaviour["scaleUp"]),
        down=_behaviour(behaviour["scaleDown"]),
    )


def _behaviour(given: dict[str, Any]) -> Behaviour:
    (policy,) = given["policies"]
    if policy["type"] != "Pods":
        raise ValueError(f"{policy['type']}: only policies of so many pods a period are known here")
    return Behaviour(given["stabilizationWindowSeconds"], policy["value"], policy["periodSeconds"])


class Autoscaler:
    """Decides one number after another; it remembers what it wanted and what it changed."""

    def __init__(self, scaling: Scaling) -> None:
        self._scaling = scaling
        self._wanted: list[tuple[float, int]] = []
        self._changes: list[tuple[float, int]] = []

    def decide(self, now: float, lag: int, processes: int) -> int:
        """Return how many shall run when ``processes`` do; ``now`` in seconds of a clock that only goes forward."""
        scaling = self._scaling
        self._wanted.append((now, self._wanted_for(lag, processes)))
        lowest = min(self._since(now - scaling.up.window))
        highest = max(self._since(now - scaling.down.window))
        wanted = min(max(processes, lowest), highest)
        wanted = min(max(wanted, self._floor(now, processes)), self._ceiling(now, processes))
        wanted = min(max(wanted, scaling.minimum), scaling.maximum)
        if wanted != processes:
            self._changes.append((now, wanted - processes))
        return wanted

    def _wanted_for(self, lag: int, processes: int) -> int:
        if processes and abs(lag / (self._scaling.threshold * processes) - 1) <= TOLERANCE:
            return processes
        return math.ceil(lag / self._scaling.threshold)

    def _since(self, then: float) -> Iterator[int]:
        """Yield what was wanted after ``then``, and what is wanted now."""
        yield self._wanted[-1][1]
        yield from (number for at, number in self._wanted if at > then)

    def _ceiling(self, now: float, processes: int) -> int:
        up = self._scaling.up
        return max(processes, processes - self._changed(now - up.period) + up.pods)

    def _floor(self, now: float, processes: int) -> int:
        down = self._scaling.down
        return min(processes, processes - self._changed(now - down.period) - down.pods)

    def _changed(self, then: float) -> int:
        """Return by how much the number has grown since."""
        return sum(change for at, change in self._changes if at > then)
