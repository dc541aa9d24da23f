"""What a scheduler does beside moving jobs: samples for the charts, lanes that stand still, lists that only grow.

Each duty is done by one of the schedulers at a time and reads or writes a bounded number of entries.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from redis import Redis

from common.clock import iso
from common.queueing import keys
from common.queueing.inspect import queue_names
from workers.engine.scripts import SWEEP_LANES

log = logging.getLogger("relevo.scheduler")

LANE_AGE, LANES = 30, 200  # a lane is looked at when its last look is so many seconds old; most a sweep
EXPIRED = 500  # entries a registry and pass


class Duties:
    """The periodic duties; `tick` does what is due."""

    def __init__(self, db: Redis, name: str) -> None:
        self._db, self._name = db, name
        self._duties: list[tuple[str, float, Callable[[float], None]]] = [
            *((f"sample-{step}", float(step), self._sampler(step, most)) for step, most in keys.SAMPLE_STEPS),
            ("lanes", 1.0, self._sweep_lanes),
            ("expired", 15.0, self._drop_expired),
            ("workers", 30.0, self._drop_dead_workers),
        ]
        self._next = dict.fromkeys((name for name, _, _ in self._duties), 0.0)

    def tick(self, now: float) -> None:
        """Do every duty whose time has come and that no other scheduler does.

        Raises:
            RedisError: Redis is away; the duty comes again.
        """
        for name, period, act in self._duties:
            if now < self._next[name]:
                continue
            self._next[name] = (now // period + 1) * period
            if self._db.set(keys.duty(name), self._name, nx=True, px=int(period * 900)):
                act(now)

    def _sampler(self, step: int, most: int) -> Callable[[float], None]:
        def write(now: float) -> None:
            data = orjson.dumps(sample(self._db, now=now))
            self._db.xadd(keys.samples(step), {"q": data}, maxlen=most, approximate=True)

        return write

    def _sweep_lanes(self, now: float) -> None:
        _, repaired = SWEEP_LANES(self._db, LANE_AGE, LANES, iso(now))
        if repaired:
            log.warning("%d lanes stood still and move again", repaired)

    def _drop_expired(self, now: float) -> None:
        """Ids whose job's hash has expired leave the registries of ended jobs."""
        for queue in queue_names(self._db):
            for registry in (keys.finished(queue), keys.failed(queue)):
                ids: Any = self._db.zrangebyscore(registry, "-inf", now, start=0, num=EXPIRED)
                if ids:
                    self._db.zrem(registry, *ids)

    def _drop_dead_workers(self, _now: float) -> None:
        """Workers that died without a word leave RQ's lists once their hash has expired."""
        names: list[Any] = list(self._db.smembers(keys.WORKERS))
        pipe = self._db.pipeline(transaction=False)
        for name in names:
            pipe.exists(name)
        dead = [name for name, there in zip(names, pipe.execute(), strict=True) if not there]
        if dead:
            for key in (keys.WORKERS, *(keys.queue_workers(queue) for queue in queue_names(self._db))):
                self._db.srem(key, *dead)


def sample(db: Redis, *, now: float) -> dict[str, list[float | int | None]]:
    """Queue to what stands in it, as `keys.samples` describes it."""
    queues = queue_names(db)
    pipe = db.pipeline(transaction=False)
    for queue in queues:
        pipe.llen(keys.queue(queue))
        for registry in (keys.wip, keys.scheduled, keys.deferred, keys.failed):
            pipe.zcard(registry(queue))
        pipe.lindex(keys.queue(queue), 0)
        pipe.hmget(keys.totals(queue), "finished", "failed")
    rows = pipe.execute()
    heads = [row.decode() if row else "" for row in rows[5::7]]
    for head in heads:
        pipe.hget(keys.job(head), "enqueued_at")
    ages = [_age(at, now) for at in pipe.execute()]
    out: dict[str, list[float | int | None]] = {}
    for i, queue in enumerate(queues):
        counts, totals = rows[7 * i : 7 * i + 5], rows[7 * i + 6]
        out[queue] = [*counts, ages[i], *(int(total or 0) for total in totals)]
    return out


def _age(at: bytes | None, now: float) -> float | None:
    try:
        return round(max(0.0, now - datetime.fromisoformat(at.decode()).timestamp()), 3) if at else None
    except ValueError:
        return None
