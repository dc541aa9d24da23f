"""When a worker process has done enough, and a new one should take its place."""

from __future__ import annotations

import logging
from collections.abc import Callable

import psutil

log = logging.getLogger("relevo.worker")


class Recycle:
    """Stops the worker warmly after `max_jobs` jobs, or once it holds more than `max_memory_mb`; 0: never.

    Whoever supervises the process starts it again.
    """

    def __init__(self, max_jobs: int, max_memory_mb: int, stop: Callable[[], None]) -> None:
        self._max_jobs, self._max_bytes, self._stop = max_jobs, max_memory_mb << 20, stop
        self._process = psutil.Process()
        self._ended = 0
        self._told = False

    def job_ended(self) -> None:
        """Count one more."""
        self._ended += 1
        if self._max_jobs and self._ended >= self._max_jobs:
            self._tell(f"{self._ended} jobs are done")

    def look(self) -> None:
        """Weigh the process, now and then."""
        if self._max_bytes and (held := int(self._process.memory_info().rss)) > self._max_bytes:
            self._tell(f"it holds {held >> 20} MB")

    def _tell(self, why: str) -> None:
        if not self._told:
            self._told = True
            log.info("the worker makes room for a new one: %s", why)
            self._stop()
