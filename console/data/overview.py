"""Rows and series of the overview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from common.queueing.inspect import Sample, WorkerRow
from console.data import format as fmt
from console.text import word

RANGES: Mapping[str, int] = {"1h": 3600, "6h": 6 * 3600, "24h": 24 * 3600}
POINTS = 240  # of a line: more cannot be seen at this width


class Oldest(NamedTuple):
    """The longest wait of a queued job, seconds; `queue` is "" when nothing waits."""

    queue: str
    seconds: float


def oldest(waits: Mapping[str, float | None]) -> Oldest:
    """The worst of all queues."""
    known = [(seconds, queue) for queue, seconds in waits.items() if seconds is not None]
    return Oldest(max(known)[1], max(known)[0]) if known else Oldest("", 0.0)


def total(counts: Mapping[str, Mapping[str, int]], state: str) -> int:
    """Jobs of `state` over all queues."""
    return sum(states.get(state, 0) for states in counts.values())


def most(counts: Mapping[str, Mapping[str, int]], state: str) -> str:
    """The queue that holds the most jobs of `state`; the first one when none holds any."""
    return max(counts, key=lambda queue: counts[queue].get(state, 0))


def queue_rows(
    counts: Mapping[str, Mapping[str, int]], states: Sequence[str], paused: AbstractSet[str] = frozenset()
) -> list[dict[str, Any]]:
    """A line per queue that holds anything or is paused; all of them when none does: the table never is empty."""
    busy = {queue: held for queue, held in counts.items() if any(held.values()) or queue in paused}
    shown = busy or counts
    return [{"queue": queue, **{state: held.get(state, 0) for state in states}} for queue, held in shown.items()]


def depth_series(
    samples: Sequence[Sample], *, since: float, until: float, points: int = POINTS
) -> dict[str, list[tuple[float, int]]]:
    """Queued jobs over time by queue, as (unix seconds, depth): the highest value of each of `points` slices.

    Slices without a sample are left out, so that a gap in sampling is a gap in the line. Queues that were empty all
    the time are left out, unless all were; names come sorted, so that colours and order stay.
    """
    width = max(1.0, (until - since) / points)
    tops: dict[str, dict[int, int]] = {}
    for sample in samples:
        if not since <= sample.at <= until:
            continue
        piece = int((sample.at - since) / width)
        for queue, held in sample.queues.items():
            slices = tops.setdefault(queue, {})
            slices[piece] = max(slices.get(piece, 0), held.queued)
    busy = {queue: slices for queue, slices in tops.items() if any(slices.values())}
    return {
        queue: [(since + (piece + 0.5) * width, depth) for piece, depth in sorted(slices.items())]
        for queue, slices in sorted((busy or tops).items())
    }


def worker_rows(workers: Sequence[WorkerRow], *, now: float) -> list[dict[str, str]]:
    """A line per worker."""
    return [
        {
            "name": fmt.worker(worker.name),
            "full": worker.name,
            "state": word("worker.state", worker.state),
            "jobs": fmt.number(len(worker.jobs)),
            "heartbeat": fmt.short(now - worker.last_heartbeat) if worker.last_heartbeat else fmt.NEVER,
            "up": fmt.duration(now - worker.started_at) if worker.started_at else fmt.NEVER,
            "totals": f"{fmt.number(worker.done)} / {fmt.number(worker.failed)}",
        }
        for worker in workers
    ]
