"""The scheduler process: `python -m workers.scheduler`. Delayed jobs, retries and cron go to their queues on time.

Two may run: every move is one script that only one of them can make. What cannot be read is parked, never in the way.
"""

from __future__ import annotations

import logging
import random
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import orjson
from redis.exceptions import RedisError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq_scheduler import Scheduler
from rq_scheduler.utils import get_next_scheduled_time, to_unix

from common import logs
from common.clock import iso
from common.queueing import keys, repeat
from common.settings import load
from common.store.connection import connect
from workers import cron
from workers.engine.duties import Duties
from workers.engine.scripts import MOVE_DUE, MOVE_PERIODIC
from workers.engine.startup import wait_for_redis

log = logging.getLogger("relevo.scheduler")

BATCH = 200  # jobs a script
SHORT, LONG = 0.05, 0.5  # seconds between ticks
PARKED_FOR = 60  # seconds until a periodic entry that could not be read is tried again


class JsonJob(Job):
    """A job whose data and meta are JSON: nothing here is ever unpickled."""

    def __init__(self, id: str | None = None, connection: Any = None, serializer: Any = None) -> None:  # noqa: A002
        super().__init__(id, connection, serializer or JSONSerializer)


class AtomicScheduler(Scheduler):  # type: ignore[misc]
    """rq-scheduler with atomic moves: its API (cron, schedule, enqueue_in, ...) and its set, without its lock."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"job_class": JsonJob, "interval": LONG, **options})
        self._next_due = 0.0
        self._stopping = threading.Event()
        self._table_known = False

    def acquire_lock(self) -> bool:
        """No lock: a dead owner would hold it, and every move is atomic by itself."""
        return True

    def remove_lock(self) -> None:
        """Nothing to remove."""

    def enqueue_jobs(self) -> int:
        """Move every due job to its queue, a bounded number a script; returns how many."""
        total = 0
        while True:
            now = time.time()
            moved, next_due, periodic, parked = MOVE_DUE(self.connection, BATCH, iso(now))
            total += int(moved)
            for entry in parked:
                log.error("scheduled job %s cannot be read: parked in %s", _text(entry), keys.PARKED)
            for job_id, score in _pairs(periodic):
                total += self._tick_periodic(job_id, score, now)
            self._next_due = float(next_due or "inf")
            if moved < BATCH // 2 and not (periodic and self._next_due <= now):
                return total

    def run(self, burst: bool = False) -> None:
        """Until SIGTERM; through any outage of Redis."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        duties, pause = Duties(self.connection, self.name), 0.1
        log.info("scheduler %s: running", self.name)
        while not self._stopping.is_set():
            try:
                self.connection.set(self.key, iso(time.time()), ex=15)
                self.enqueue_jobs()
                if burst:
                    break
                if not self._table_known:
                    cron.register(self.connection, now=time.time())
                    self._table_known = True
                repeat.tick(self.connection, now=time.time())
                duties.tick(time.time())
            except RedisError as error:
                log.warning("Redis is away (%s); trying again", type(error).__name__)
                self._stopping.wait(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, 3.0)
            else:
                pause = 0.1
                self._stopping.wait(self.nap(time.time()))
        log.info("scheduler %s: stopped", self.name)

    def nap(self, now: float) -> float:
        """Seconds until the next tick: when the next job is due, but never long."""
        return min(LONG, max(SHORT, self._next_due - now))

    def _tick_periodic(self, job_id: bytes, score: bytes, now: float) -> int:
        try:
            meta = orjson.loads(self.connection.hget(keys.job(_text(job_id)), "meta") or b"{}")
            left = None if meta.get("repeat") is None else int(meta["repeat"]) - 1
            next_at: float | str = "" if left is not None and left < 1 else _next_time(meta, now)
            new_meta = "" if left is None else orjson.dumps({**meta, "repeat": left})
        except (ValueError, TypeError, KeyError, AttributeError):
            log.exception("periodic job %s cannot be read: looked at again in %d s", _text(job_id), PARKED_FOR)
            self.connection.zadd(keys.DELAYED, {job_id: now + PARKED_FOR}, xx=True)
            return 0
        return int(MOVE_PERIODIC(self.connection, job_id, score, next_at, iso(now), new_meta))


def _next_time(meta: dict[str, Any], now: float) -> float:
    if meta.get("interval"):
        return now + int(meta["interval"])
    local = meta.get("use_local_timezone")
    return float(to_unix(get_next_scheduled_time(meta["cron_string"], use_local_timezone=local)))


def _pairs(flat: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def main() -> None:
    """Composition root: settings, logs, Redis, scheduler."""
    settings = load()
    logs.configure("scheduler", level=settings.log_level, fmt=settings.log_format)
    db = connect(settings)
    wait_for_redis(db)
    AtomicScheduler(connection=db).run()


if __name__ == "__main__":
    main()
