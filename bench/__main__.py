"""Measurements: `python -m bench NAME ...`; without a name it tells which there are."""

from __future__ import annotations

import importlib
import sys

NAMES = {
    "noop": "bench.noop_jobs", "queues": "bench.queues", "storm": "bench.storm", "delayed": "bench.delayed",
    "limiter": "bench.limiter", "retention": "bench.retention",
}  # fmt: skip


def main() -> None:
    name, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    if name not in NAMES:
        for known, module in NAMES.items():
            told = importlib.import_module(module).__doc__ or ""
            print(f"{known:10} {told.splitlines()[0]}")
        sys.exit(2 if name else 0)
    importlib.import_module(NAMES[name]).main(rest)


if __name__ == "__main__":
    main()
