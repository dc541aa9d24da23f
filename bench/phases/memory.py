"""Memory (PSS, MB) of web and worker: idle, and with all slots of the worker in use, at concurrency 50 and 200."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench import machine
from bench.phases.drain import SLOW
from bench.phases.size import Figures, Size, alone
from bench.rig import Rig

CONCURRENCIES = (50, 200)


def measure(size: Size) -> Figures:
    found: dict[str, dict[str, float]] = {}
    for slots in CONCURRENCIES:
        with Rig(WORKER_CONCURRENCY=str(slots)) as rig:
            rig.latencies(**SLOW)
            rig.ready_workers()
            time.sleep(1)
            web, worker = _held(rig)
            seconds = size.seconds(4)
            rig.backlog(int(slots * 4 * seconds), contacts=slots * 4)
            peak = []
            for _ in range(8):
                time.sleep(seconds / 8)
                peak.append(_held(rig))
        found[f"memory{slots}"] = {
            "web_idle": web, "worker_idle": worker, "idle": web + worker,
            "web_busy": max(one[0] for one in peak), "worker_busy": max(one[1] for one in peak),
            "busy": max(sum(one) for one in peak),
        }  # fmt: skip
    return found


def _held(rig: Rig) -> tuple[float, float]:
    return machine.pss([rig.web.pid] if rig.web else []), machine.pss(process.pid for process in rig.workers)


def main(argv: Sequence[str] = ()) -> None:
    alone(measure, argv)
