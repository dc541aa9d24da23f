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
from common.queueing import keys, timings, waiting
from common.queueing.inspect import counts, queue_names
from workers.engine.scripts import RESOLVE, SWEEP_LANES

log = logging.getLogger("relevo.scheduler")

LANE_AGE, LANES = 30, 200  # a lane is looked at when its last look is so many seconds old; most a sweep
EXPIRED = 500  # entries of a registry that are dropped at once
PASSES = 40  # bounded steps of one duty in a turn
_SAMPLED = ("queued", "started", "scheduled", "deferred", "failed")


class Duties:
    """The periodic duties; `tick` does what is due."""

    def __init__(self, db: Redis, name: str) -> None:
        self._db, self._name = db, name
        self._duties: list[tuple[str, float, Callable[[float], None]]] = [
            *((f"sample-{step}", float(step), self._sampler(step, most)) for step, most in keys.SAMPLE_STEPS),
            ("lanes", 1.0, self._sweep_lanes),
            ("dependents", 1.0, self._resolve),
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
            times = times_since(self._db, step)
            rows = {queue: [*row, *times[queue]] for queue, row in sample(self._db, now=now).items() if queue in times}
            data = orjson.dumps(rows)
            self._db.xadd(keys.samples(step), {"q": data}, maxlen=most, approximate=True)

        return write

    def _sweep_lanes(self, now: float) -> None:
        _, repaired = SWEEP_LANES(self._db, LANE_AGE, LANES, iso(now))
        if repaired:
            log.warning("%d lanes stood still and move again", repaired)

    def _resolve(self, now: float) -> None:
        """Jobs that needed one which has ended learn of it, when they were too many for its ending to tell."""
        for _ in range(PASSES):
            if not RESOLVE(self._db, iso(now)):
                return

    def _drop_expired(self, now: float) -> None:
        """Ids whose job's hash has expired leave the registries of ended jobs."""
        for queue in queue_names(self._db):
            for registry in (keys.finished(queue), keys.failed(queue)):
                for _ in range(PASSES):
                    ids: Any = self._db.zrangebyscore(registry, "-inf", now, start=0, num=EXPIRED)
                    if ids:
                        self._db.zrem(registry, *ids)
                    if len(ids) < EXPIRED:
                        break

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
    """Queue to what stands in it, as `keys.samples` describes it, up to the totals."""
    queues = queue_names(db)
    found, heads = counts(db, queues), waiting.heads(db, queues)
    pipe = db.pipeline(transaction=False)
    for queue in queues:
        pipe.hmget(keys.totals(queue), "finished", "failed")
        for head in heads[queue]:
            pipe.hget(keys.job(head), "enqueued_at")
    answers = iter(pipe.execute())
    out: dict[str, list[float | int | None]] = {}
    for queue in queues:
        totals = [int(total or 0) for total in next(answers)]
        ages = [age for _ in heads[queue] if (age := _age(next(answers), now)) is not None]
        out[queue] = [*(found[queue][state] for state in _SAMPLED), max(ages, default=None), *totals]
    return out


def times_since(db: Redis, step: int) -> dict[str, list[float | None]]:
    """Queue to [wait p50, wait p95, run p50, run p95] of the jobs that ended since this was last asked for `step`."""
    queues = queue_names(db)
    pipe = db.pipeline(transaction=False)
    pipe.get(keys.timings_seen(step))
    for queue in queues:
        pipe.hgetall(keys.timings(queue))
    seen, *stored = pipe.execute()
    before: dict[str, dict[str, Any]] = orjson.loads(seen) if seen else {}
    out: dict[str, list[float | None]] = {}
    after: dict[str, dict[str, Any]] = {}
    for queue, fields in zip(queues, stored, strict=True):
        now = {kind: timings.read(fields, kind) for kind in timings.KINDS}
        then = timings.unpacked(before.get(queue, {}))
        after[queue] = timings.packed(now)
        spans = [now[kind] - then.get(kind, timings.EMPTY) for kind in timings.KINDS]
        out[queue] = [span.quantile(q) for span in spans for q in (0.5, 0.95)]
    db.set(keys.timings_seen(step), orjson.dumps(after), ex=2 * step + 60)
    return out


def _age(at: bytes | None, now: float) -> float | None:
    try:
        return round(max(0.0, now - datetime.fromisoformat(at.decode()).timestamp()), 3) if at else None
    except ValueError:
        return None
