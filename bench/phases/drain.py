"""A backlog worked off: instant answers; then AI 200 ms and Graph 50 ms with 50 and with 400 jobs at once.

`worker_cpu_1k` has the start of the process in it, as the peer harness counts; `steady_cpu_1k` is taken between 10 and
95 % of the messages.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from bench import machine
from bench.engine import wait
from bench.figures import Round
from bench.phases.size import Figures, Size, alone
from bench.rig import Meter, Rig

SLOW: dict[str, Any] = {"ai_ms": 200.0, "graph_ms": 50.0}


def measure(size: Size) -> Figures:
    with Rig() as rig:
        return {
            "d0": drain(rig, size.count(8000), concurrency=50),
            "dl": drain(rig, size.count(1600), concurrency=50, **SLOW),
            "dl400": drain(rig, size.count(8000), concurrency=400, **SLOW),
        }


def drain(rig: Rig, count: int, *, concurrency: int, workers: int = 1, limit: float = 30, **slow: float) -> Round:
    """Figures of one backlog of `count` messages; `limit`: seconds."""
    rig.db.flushall()
    rig.latencies(**slow)
    taken = rig.backlog(count)
    meter = Meter(rig)
    rig.start_workers(workers, WORKER_CONCURRENCY=str(concurrency))
    steady = _steady(rig, taken, limit)
    got = rig.wait_delivered(taken, limit)
    used = meter.done()
    stats, rate = rig.stats(), rig.rate()
    rig.end_workers()
    each = 1000 / max(1, got)
    return {
        "rate": rate, "n": got, "of": taken, "violations": stats["order_violations"], "overlap": stats["ai_overlap"],
        "dups": stats["dups"], "worker_cpu_1k": used["worker"] * each, "steady_cpu_1k": steady,
        "redis_cpu_1k": used["redis"] * each, "stub_cpu_1k": used["stub"] * each, "foreign_pct": used["foreign_pct"],
    }  # fmt: skip


def _steady(rig: Rig, count: int, limit: float) -> float:
    """ms of CPU a message of the workers, once they run."""
    seen = []
    until = time.monotonic() + limit
    for share in (0.1, 0.95):
        wait(lambda goal=share * count: rig.stats()["unique"] >= goal, max(0.0, until - time.monotonic()), 0.02)
        seen.append((machine.cpu(process.pid for process in rig.workers), int(rig.stats()["unique"])))
    (early, first), (late, last) = seen
    return 1000 * (late - early) / max(1, last - first)


def main(argv: Sequence[str] = ()) -> None:
    alone(measure, argv)
