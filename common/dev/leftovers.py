"""Processes that an earlier `make up` left behind, when it was killed before it could stop them.

Every process that we start carries our mark in its environment: `RELEVO_HOME`, the data folder of that run.
Children inherit it, so the mark also finds what our children started. No mark, not ours: never touched.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import psutil

MARK = "RELEVO_HOME"


def marked(home: Path) -> list[psutil.Process]:
    """All running processes of `home`, without this one."""
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _mark(p) == str(home)]


def stop(processes: Iterable[psutil.Process], *, grace: float) -> int:
    """SIGTERM to all, SIGKILL after `grace` seconds to those that are left.

    Returns:
        How many there were. psutil checks the start time, so a recycled pid is never signalled.
    """
    found = list(processes)
    for process in found:
        _signal(process, "terminate")
    _, alive = psutil.wait_procs(found, timeout=grace)
    for process in alive:
        _signal(process, "kill")
    psutil.wait_procs(alive, timeout=5)
    return len(found)


def _mark(process: psutil.Process) -> str | None:
    try:
        return str(process.environ().get(MARK)) if process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, OSError):  # gone, or another user's
        return None


def _signal(process: psutil.Process, how: str) -> None:
    with contextlib.suppress(psutil.Error):
        getattr(process, how)()
