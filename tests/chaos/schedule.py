"""A storm's schedule: what happens when, all of it decided by the seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from deploy.processes import CONSUMERS, SERVERS, SERVICES

PROVIDER_MODES = ("error", "throttle", "hang", "drop")

Kind = Literal["kill", "freeze", "scale", "provider"]


@dataclass(frozen=True, slots=True)
class Action:
    """One stroke of the storm, ``pause`` seconds after the one before."""

    pause: float
    kind: Kind
    target: str
    amount: float = 0.0
    """freeze, provider: seconds; scale: processes."""

    def __str__(self) -> str:
        amount = f" {self.amount:g}" if self.amount else ""
        return f"+{self.pause:.1f}s {self.kind} {self.target}{amount}"


def make_schedule(seed: int, kills: int, *, frozen_seconds: float) -> list[Action]:
    """Return a schedule with so many kills; freezes outlast the consumers' session timeout."""
    return list(_actions(random.Random(seed), kills, frozen_seconds))


def _actions(chance: random.Random, kills: int, frozen_seconds: float) -> Iterator[Action]:
    while kills:
        pause = chance.uniform(0.2, 3.0)
        stroke = chance.random()
        if stroke < 0.8:
            # Services die twice as often as servers, and now and then several at once.
            target = chance.choice(SERVICES * 2 + SERVERS)
            yield Action(pause if chance.random() < 0.8 else 0.0, "kill", target)
            kills -= 1
        elif stroke < 0.85:
            yield Action(pause, "freeze", chance.choice(CONSUMERS), frozen_seconds)
        elif stroke < 0.92:
            yield Action(pause, "scale", chance.choice(CONSUMERS), chance.randint(1, 3))
        else:
            yield Action(pause, "provider", chance.choice(PROVIDER_MODES), round(chance.uniform(1.0, 4.0), 1))
