"""Two worker processes against one on a backlog with instant answers, where only CPU counts.

`ceiling` is what the cores leave room for: Redis and the stub run on them as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import ceiling
from bench.machine import CORES
from bench.phases.drain import drain
from bench.phases.size import Figures, Size, alone
from bench.rig import Rig


def measure(size: Size) -> Figures:
    with Rig() as rig:
        one = drain(rig, size.count(6000), concurrency=50)
        two = drain(rig, size.count(9000), concurrency=50, workers=2)
    others = one["redis_cpu_1k"] + one["stub_cpu_1k"]
    return {
        "scaling": {
            "rate_1": one["rate"], "rate_2": two["rate"], "ratio": two["rate"] / max(1e-9, one["rate"]),
            "cpu_1": one["steady_cpu_1k"], "cpu_2": two["steady_cpu_1k"],
            "ceiling": ceiling(CORES, one["steady_cpu_1k"], others),
            "foreign_pct": max(one["foreign_pct"], two["foreign_pct"]),
        }
    }  # fmt: skip


def main(argv: Sequence[str] = ()) -> None:
    alone(measure, argv)
