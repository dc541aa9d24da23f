"""Measurements: `python -m bench NAME ...`; without a name it tells which there are."""

from __future__ import annotations

import importlib
import signal
import sys

NAMES = {
    "all": "bench.everything", "report": "bench.report",
    "webhook": "bench.phases.webhook", "drain": "bench.phases.drain", "live": "bench.phases.live",
    "statuses": "bench.phases.statuses", "jobs": "bench.phases.jobs", "console": "bench.phases.console",
    "memory": "bench.phases.memory", "scaling": "bench.phases.scaling", "floor": "bench.phases.floor",
    "noop": "bench.noop_jobs", "queues": "bench.queues", "storm": "bench.storm", "delayed": "bench.delayed",
    "limiter": "bench.limiter", "retention": "bench.retention", "million": "bench.million",
    "sessions": "bench.sessions",
}  # fmt: skip


def main() -> None:
    name, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    if name not in NAMES:
        for known, module in NAMES.items():
            told = importlib.import_module(module).__doc__ or ""
            print(f"{known:10} {told.splitlines()[0]}")
        sys.exit(2 if name else 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended, too
    importlib.import_module(NAMES[name]).main(rest)


if __name__ == "__main__":
    main()
