"""Names the job that blocks the event loop, while it blocks it."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

log = logging.getLogger("relevo.worker")

LIMIT = 1.0  # seconds
TICK = 0.25


class LagWatch:
    """A thread that watches the loop's pulse; start it on the loop's thread. `names` tells what a task is."""

    def __init__(self, names: Callable[[asyncio.Task[Any]], str], limit: float = LIMIT) -> None:
        self._names, self._limit = names, limit
        self._pulse = time.monotonic()
        self._closed = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._thread_id = 0

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._tick()
        threading.Thread(target=self._watch, name="lag-watch", daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        if self._timer:
            self._timer.cancel()

    def _tick(self) -> None:
        self._pulse = time.monotonic()
        if self._loop and not self._closed.is_set():
            self._timer = self._loop.call_later(TICK, self._tick)

    def _watch(self) -> None:
        told = 0.0
        while not self._closed.wait(TICK):
            pulse = self._pulse
            if time.monotonic() - pulse > self._limit and pulse != told:
                told = pulse
                self._tell(time.monotonic() - pulse)

    def _tell(self, seconds: float) -> None:
        task = asyncio.current_task(self._loop)
        frame = sys._current_frames().get(self._thread_id)  # noqa: SLF001  the documented way to look at another thread
        where = traceback.extract_stack(frame)[-1] if frame else None
        log.error(
            "the event loop has stood still for %.1f s in %s, at %s:%s",
            seconds,
            self._names(task) if task else "no task",
            where.filename if where else "?",
            where.lineno if where else "?",
        )
