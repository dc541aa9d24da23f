"""The webhook: as fast as 32 connections go, then 500 POSTs a second. Nothing works the jobs off."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import Round
from bench.phases.size import Figures, Size, alone
from bench.rig import Meter, Rig

RATE = 500


def measure(size: Size) -> Figures:
    with Rig() as rig:
        rig.load(duration=1.0, conns=32, contacts=2000, rate=0)
        most = _posts(rig, size, 0)
        rig.db.flushall()
        return {"web": most, "web500": _posts(rig, size, RATE)}


def _posts(rig: Rig, size: Size, rate: float) -> Round:
    meter = Meter(rig)
    got = rig.load(duration=size.seconds(4), conns=32, contacts=2000, rate=rate)
    used = meter.done(got["cpu_s"])
    acks = max(1, got["acks"])
    return {
        "acks_per_s": got["acks_per_s"], "p50": got["p50_ms"], "p99": got["p99_ms"],
        "errors": got["non2xx"] + got["conn_errors"], "web_cpu_1k": 1000 * used["web"] / acks,
        "redis_cpu_1k": 1000 * used["redis"] / acks, "foreign_pct": used["foreign_pct"],
    }  # fmt: skip


def main(argv: Sequence[str] = ()) -> None:
    alone(measure, argv)
