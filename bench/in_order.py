"""How fast messages can be answered at best when those of one customer are answered one after the other.

What the live phase offers, played through with workers that are free at once and cost nothing: the floor of its
end-to-end times, whoever answers. Figures that go below it overlap, merge or overtake.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from bench.figures import percentile

RUNS, MESSAGES = 100, 1_000
Draw = Callable[[], tuple[float, float]]


class Best(NamedTuple):
    """Milliseconds from the moment a message was due to its answer's arrival at Graph."""

    p50: float
    p99: float


def waits(arrivals: Iterable[tuple[float, int]], draw: Draw) -> list[float]:
    """How long each of `arrivals` (ms, customer; in order) waits; `draw` says what model and Graph take, in ms."""
    free: dict[int, float] = {}
    found = []
    for at, customer in arrivals:
        model, graph = draw()
        leaves = max(at, free.get(customer, 0.0)) + model
        free[customer] = leaves + graph
        found.append(leaves - at)
    return found


class Load(NamedTuple):
    """Messages a second in bursts of one customer; ms that model and Graph take, `jitter` (a share) more or less."""

    rate: float = 100
    burst: int = 3
    customers: int = 200
    model: float = 200
    graph: float = 50
    jitter: float = 0.3


@cache
def best(load: Load = Load()) -> Best:  # noqa: B008  a constant: that of the live phase
    """Medians over RUNS runs of MESSAGES messages."""
    found = [_run(load, random.Random(seed)) for seed in range(RUNS)]
    return Best(*(percentile([percentile(one, share) for one in found], 0.5) for share in (0.5, 0.99)))


def _run(load: Load, rng: random.Random) -> list[float]:
    who = [rng.randrange(load.customers) for _ in range(0, MESSAGES, load.burst)]
    arrivals = [(n * 1000 / load.rate, who[n // load.burst]) for n in range(MESSAGES)]
    some = (1 - load.jitter, 1 + load.jitter)
    return waits(arrivals, lambda: (load.model * rng.uniform(*some), load.graph * rng.uniform(*some)))
