"""100 messages a second, in bursts of 3 by 200 customers; AI 200 ms and Graph 50 ms, 30 % more or less."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench import machine
from bench.figures import percentile
from bench.phases.drain import SLOW
from bench.phases.size import Figures, Size, alone
from bench.rig import Meter, Rig, collect

RATE, JITTER = 100, 0.3


def measure(size: Size) -> Figures:
    seconds = size.seconds(10)
    with Rig() as rig:
        rig.latencies(**SLOW, jitter=JITTER)
        rig.ready_workers()
        rig.load(duration=1.0, conns=32, contacts=200, rate=50, burst=3)
        rig.wait_delivered(50, 3)
        rig.latencies(**SLOW, jitter=JITTER)
        meter = Meter(rig)
        load = rig.start_load(duration=seconds, conns=32, contacts=200, rate=RATE, burst=3, seq_base=1000)
        time.sleep(seconds * 0.7)
        held = machine.pss(process.pid for process in [rig.web, *rig.workers] if process)
        got = collect(load)
        rig.wait_delivered(int(got["acked_unique"]), seconds + 4)
        used = meter.done(got["cpu_s"])
        stats, ours = rig.stats(), [row for row in rig.deliveries() if row[0] >= 1000]
    each = 1000 / max(1, len(ours))
    waited = [(first - due) / 1000 for _, _, _, due, first, _ in ours]
    return {
        "live": {
            "p50": percentile(waited, 0.5), "p99": percentile(waited, 0.99), "max": percentile(waited, 1),
            "acked": got["acked_unique"], "delivered": len(ours), "missing": got["acked_unique"] - len(ours),
            "dups": stats["dups"], "violations": stats["order_violations"], "overlap": stats["ai_overlap"],
            "pss_mb": held, "cpu_1k": (used["web"] + used["worker"]) * each,
            "web_cpu_1k": used["web"] * each, "redis_cpu_1k": used["redis"] * each, "foreign_pct": used["foreign_pct"],
        }
    }  # fmt: skip


def main(argv: Sequence[str] = ()) -> None:
    alone(measure, argv)
