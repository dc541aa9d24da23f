"""How long jobs waited and ran, as histograms of fixed buckets: cheap to add to, and mergeable over workers.

A bucket counts what took at most its bound; the last one counts the rest. Kept counts only grow (`keys.timings`); what
happened in a span of time is the difference of two readings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Seconds; each about 1.6 times the one before.
BOUNDS = (
    0.001, 0.0016, 0.0025, 0.004, 0.0063, 0.01, 0.016, 0.025, 0.04, 0.063, 0.1, 0.16, 0.25, 0.4, 0.63, 1.0, 1.6, 2.5,
    4.0, 6.3, 10.0, 16.0, 25.0, 40.0, 63.0, 100.0, 160.0, 250.0, 400.0, 630.0, 1_000.0, 1_800.0, 3_600.0,
)  # fmt: skip
SIZE = len(BOUNDS) + 1
KINDS = ("wait", "run")  # from its queueing to its start; from its start to its end


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by bucket, and the sum of all values in seconds."""

    counts: Sequence[int]
    total: float

    @property
    def count(self) -> int:
        return sum(self.counts)

    def __sub__(self, other: Histogram) -> Histogram:
        """What came after `other`; all of it when counting began anew since."""
        counts = [mine - its for mine, its in zip(self.counts, other.counts, strict=True)]
        return self if min(counts) < 0 else Histogram(counts, self.total - other.total)

    def quantile(self, q: float) -> float | None:
        """Seconds that the share `q` of all values stays under, spread evenly inside a bucket; None without values."""
        left = q * self.count
        if not self.count:
            return None
        for i, n in enumerate(self.counts):
            if n and left <= n:
                low = BOUNDS[i - 1] if i else 0.0
                high = BOUNDS[i] if i < len(BOUNDS) else BOUNDS[-1]
                return round(low + (high - low) * left / n, 6)
            left -= n
        return BOUNDS[-1]


EMPTY = Histogram((0,) * SIZE, 0.0)


def bucket(seconds: float) -> int:
    """Which bucket counts `seconds`."""
    return bisect_left(BOUNDS, seconds)


class Tally:
    """What one worker measured since it last wrote it down."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[float]] = {}

    def add(self, queue: str, kind: str, seconds: float) -> None:
        """Count one time of a kind (of KINDS)."""
        found = self._found.get((queue, kind))
        if found is None:
            found = self._found[queue, kind] = [0.0] * (SIZE + 1)
        found[bisect_left(BOUNDS, seconds)] += 1
        found[SIZE] += seconds

    def take(self) -> dict[str, dict[str, float]]:
        """All of it, as queue -> hash field -> amount; the tally begins anew."""
        taken, self._found = self._found, {}
        out: dict[str, dict[str, float]] = {}
        for (queue, kind), found in taken.items():
            fields = {f"{kind}:{'sum' if i == SIZE else i}": amount for i, amount in enumerate(found) if amount}
            out.setdefault(queue, {}).update(fields)
        return out


def read(stored: Mapping[bytes, bytes], kind: str) -> Histogram:
    """One histogram of a `keys.timings` hash."""
    counts = [int(float(stored.get(f"{kind}:{i}".encode(), 0))) for i in range(SIZE)]
    return Histogram(counts, float(stored.get(f"{kind}:sum".encode(), 0.0)))


def packed(histograms: Mapping[str, Histogram]) -> dict[str, Any]:
    """As JSON keeps them; `unpacked` reads it."""
    return {name: [list(one.counts), one.total] for name, one in histograms.items()}


def unpacked(stored: Mapping[str, Any]) -> dict[str, Histogram]:
    """What `packed` made."""
    return {name: Histogram(counts, total) for name, (counts, total) in stored.items()}
