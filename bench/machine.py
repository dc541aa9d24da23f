"""The machine under a measurement: what it is, what a tree of processes used of it, and what others used meanwhile."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil
from redis import Redis

ROOT = Path(__file__).resolve().parent.parent
CORES = os.cpu_count() or 1


def describe() -> dict[str, Any]:
    """What results are told apart by."""
    return {
        "cores": CORES,
        "cpu": _cpu_model(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def redis_version(db: Redis) -> str:
    return str(db.info("server")["redis_version"])


def commit() -> tuple[str, bool]:
    """The short name of the commit, and whether files differ from it; ("unknown", False) outside of git."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        return name, bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return "unknown", False


def tree(pid: int) -> list[psutil.Process]:
    """A process and all below it."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu(pids: Iterable[int]) -> float:
    """Seconds of CPU that these trees used so far, with the children they have waited for."""
    return sum(_cpu_of(process) for pid in pids for process in tree(pid))


def pss(pids: Iterable[int]) -> float:
    """MB that these trees hold; what they share with others counts for its share."""
    return sum(_pss_of(process) for pid in pids for process in tree(pid)) / 1024


def busy() -> float:
    """Seconds of CPU that all of the machine used since it started."""
    ticks = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


class Foreign:
    """What the rest of the machine uses while something of ours runs, in % of all cores."""

    def __init__(self) -> None:
        self._busy, self._began = busy(), time.monotonic()

    def percent(self, own: float) -> float:
        """`own`: seconds of CPU that all of ours used meanwhile."""
        seconds = max(1e-6, time.monotonic() - self._began)
        return max(0.0, 100 * (busy() - self._busy - own) / (seconds * CORES))


def load_now(seconds: float = 2.0) -> float:
    """% of all cores in use while nothing of ours runs."""
    foreign = Foreign()
    time.sleep(seconds)
    return foreign.percent(0.0)


def wait_for_quiet(seconds: float = 6.0, percent: float = 25.0) -> None:
    """Until the machine rests for half a second, at most `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and load_now(0.5) > percent:
        pass


def _cpu_of(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(used.user + used.system + used.children_user + used.children_system)


def _pss_of(process: psutil.Process) -> int:
    """KB."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _git(*args: str) -> str:
    command = ["git", *args]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()
