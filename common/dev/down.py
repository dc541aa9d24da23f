"""`make down`: stop a `make up` that runs elsewhere, and whatever a killed one left behind."""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from common.dev import leftovers
from common.dev.lock import Lock

#: Seconds: the supervisor gives its programs 10, and Redis another 10.
PATIENCE = 25.0


def main(argv: Sequence[str] | None = None) -> int:
    """Stop it; the exit code."""
    parser = argparse.ArgumentParser(prog="make down")
    parser.add_argument("--home", default=".relevo", help="data folder (default: %(default)s)")
    home = Path(parser.parse_args(argv).home).resolve()
    if not home.is_dir():
        print("nothing was running")
        return 0
    lock = Lock(home)
    running = not lock.take()
    if running:
        pid = lock.holder()
        if pid is None or not _ends(pid, lock):
            print(f"pid {pid} does not stop; look at it, then: kill -9 {pid}")
            return 1
    left = leftovers.stop(leftovers.marked(home), grace=10)
    print("stopped" if running or left else "nothing was running")
    return 0


def _ends(pid: int, lock: Lock) -> bool:
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if lock.take():
            return True
        time.sleep(0.1)
    return False


if __name__ == "__main__":
    raise SystemExit(main())
