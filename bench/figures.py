"""Arithmetic of results: medians of rounds, ratios by round, rates. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

Round = Mapping[str, float]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them are; 0 of none."""
    if not values:
        return 0.0
    ranked = sorted(values)
    return ranked[int(share * (len(ranked) - 1) + 0.5)]


def medians(rounds: Sequence[Round]) -> dict[str, float]:
    """Of each figure, over the rounds that have it."""
    names = dict.fromkeys(name for one in rounds for name in one)
    return {name: statistics.median([one[name] for one in rounds if name in one]) for name in names}


def ratios(ours: Sequence[Round], theirs: Sequence[Round], name: str) -> list[float]:
    """Ours / theirs, round by round; rounds are matched by their `round`, and left out where one has no figure."""
    peers = {int(one["round"]): one for one in theirs}
    found = []
    for mine in ours:
        their = peers.get(int(mine["round"]))
        if their and mine.get(name) is not None and their.get(name):
            found.append(mine[name] / their[name])
    return found


def steady_rate(times_us: Sequence[int]) -> float:
    """Events a second between the 10th and the 95th percentile: neither start nor end counts."""
    ranked = sorted(times_us)
    if len(ranked) < 20:
        return 0.0
    first, last = len(ranked) // 10, int(len(ranked) * 0.95) - 1
    return (last - first) * 1e6 / max(1, ranked[last] - ranked[first])


def ceiling(cores: int, worker: float, others: float) -> float:
    """How much more two worker processes can do than one where `cores` carry all: CPU a message, any unit.

    `others` is what a message costs beside the worker (Redis, the services it calls).
    """
    return min(2.0, cores * worker / (worker + others)) if worker > 0 else 0.0
