"""Repeatable jobs: by cron expression in a time zone, or every so many seconds.

The scheduler makes one job a tick (`tick`), in a lane of the repeat's own so that runs never overlap. What was missed
while no scheduler ran is counted and made up for by one run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from croniter import croniter
from redis import Redis

from common.clock import iso
from common.queueing import keys
from common.queueing.job import LIB, JobSpec
from common.store.scripts import Script

log = logging.getLogger("relevo.scheduler")

MOST = 100  # ticks a pass
PARKED_FOR = 60  # seconds until a repeat that cannot be read is tried again
_COUNTED = 1_000  # missed runs are not counted beyond this

_TICK = Script("common.queueing", "repeat_tick", lib=[LIB])


@dataclass(frozen=True, slots=True)
class Repeat:
    """One repeatable job; `cron` or `every` (seconds), never both.

    Raises:
        ValueError: no schedule or two, a cron expression or zone that is none, or an id that RQ would refuse.
    """

    id: str
    queue: str
    func: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    cron: str = ""
    every: float = 0.0
    zone: str = "UTC"
    timeout: float = 120
    attempts: int = 3
    description: str = ""

    def __post_init__(self) -> None:
        if bool(self.cron) == (self.every >= 1):
            raise ValueError("a repeatable job has a cron expression or a number of seconds, one at least")
        if self.cron and not croniter.is_valid(self.cron):
            raise ValueError("this is no cron expression")
        try:
            ZoneInfo(self.zone)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError("this is no time zone; America/Bogota is one") from error
        self.job(0.0, "x" * 20)

    def after(self, at: float) -> float:
        """Its first time after `at`; unix seconds. Every-N keeps to multiples of N, whoever asks."""
        if self.every:
            return (at // self.every + 1) * self.every
        start = datetime.fromtimestamp(at, ZoneInfo(self.zone))
        return float(croniter(self.cron, start).get_next(float))

    def job(self, at: float, suffix: str) -> JobSpec:
        """The job of one tick."""
        return JobSpec(
            id=f"{self.id}-{suffix}", queue=self.queue, func=self.func, kwargs=self.kwargs, lane=f"repeat:{self.id}",
            timeout=self.timeout, attempts=self.attempts, description=self.description or f"{self.id} at {iso(at)}",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a repeat: when, as which job, how many times before it were missed, and by whom (clock or person)."""

    at: float
    job: str
    missed: int
    by: str


@dataclass(frozen=True, slots=True)
class RepeatRow:
    """A repeat as lists show it; times in unix seconds."""

    repeat: Repeat
    next_at: float
    last_at: float | None
    last_job: str
    runs: int
    missed: int


def add(db: Redis, repeat: Repeat, *, now: float) -> None:
    """Register a repeat, or change the one of its id; the next time is kept while its schedule stays the same."""
    old = _read(db.hget(keys.repeat(repeat.id), "spec"))
    pipe = db.pipeline(transaction=True)
    pipe.hset(keys.repeat(repeat.id), "spec", orjson.dumps(asdict(repeat)))
    pipe.hsetnx(keys.repeat(repeat.id), "created", now)
    same = old is not None and (old.cron, old.every, old.zone) == (repeat.cron, repeat.every, repeat.zone)
    pipe.zadd(keys.REPEATS, {repeat.id: repeat.after(now)}, nx=same)
    pipe.execute()


def remove(db: Redis, repeat_id: str) -> bool:
    """End a repeat; jobs it has made stay."""
    pipe = db.pipeline(transaction=True)
    pipe.zrem(keys.REPEATS, repeat_id)
    pipe.delete(keys.repeat(repeat_id), keys.repeat_history(repeat_id))
    return bool(pipe.execute()[1])


def rows(db: Redis) -> list[RepeatRow]:
    """Every repeat, the next one first."""
    due: Any = db.zrange(keys.REPEATS, 0, -1, withscores=True)
    pipe = db.pipeline(transaction=False)
    for repeat_id, _ in due:
        pipe.hmget(keys.repeat(repeat_id.decode()), "spec", "last", "last_job", "runs", "missed")
    found = zip(due, pipe.execute(), strict=True)
    return [
        RepeatRow(spec, at, float(last) if last else None, (job or b"").decode(), int(runs or 0), int(missed or 0))
        for (_, at), (raw, last, job, runs, missed) in found
        if (spec := _read(raw))
    ]


def history(db: Redis, repeat_id: str) -> list[Run]:
    """Its last runs, newest first, at most 50."""
    found: Any = db.lrange(keys.repeat_history(repeat_id), 0, -1)
    return [Run(*orjson.loads(entry)) for entry in found]


def run_now(db: Redis, repeat_id: str, *, now: float) -> str | None:
    """Queue a run beside the schedule; the job's id, or None when there is no such repeat."""
    spec = _read(db.hget(keys.repeat(repeat_id), "spec"))
    if spec is None:
        return None
    job = spec.job(now, f"now-{round(now * 1000)}")
    _enqueue(db, spec, job, now=now, seen=None, next_at=0.0, missed=0)
    return job.id


def tick(db: Redis, *, now: float) -> int:
    """Queue every repeat whose time has come; returns how many this call queued.

    Raises:
        RedisError: Redis is away.
    """
    made = 0
    due: Any = db.zrangebyscore(keys.REPEATS, "-inf", now, start=0, num=MOST, withscores=True)
    for repeat_id, at in due:
        spec = _read(db.hget(keys.repeat(repeat_id.decode()), "spec"))
        if spec is None:
            log.error("repeat %s cannot be read: looked at again in %d s", repeat_id.decode(), PARKED_FOR)
            db.zadd(keys.REPEATS, {repeat_id: now + PARKED_FOR}, xx=True)
            continue
        missed = _missed(spec, at, now)
        job = spec.job(at, str(round(at)))
        made += _enqueue(db, spec, job, now=now, seen=at, next_at=spec.after(now), missed=missed) > 0
    return made


def _enqueue(
    db: Redis, spec: Repeat, job: JobSpec, *, now: float, seen: float | None, next_at: float, missed: int
) -> int:
    entry = orjson.dumps([now, job.id, missed, "person" if seen is None else "clock"])
    call = [job.id, job.queue, job.lane, iso(now), "", *job.fields(now)]
    return int(_TICK(db, spec.id, "" if seen is None else repr(seen), next_at, entry, missed, now, *call))


def _missed(spec: Repeat, at: float, now: float) -> int:
    """Times after `at` that have passed, too: this run makes up for them."""
    missed, at = 0, spec.after(at)
    while at <= now and missed < _COUNTED:
        missed, at = missed + 1, spec.after(at)
    return missed


def _read(raw: Any) -> Repeat | None:
    try:
        return Repeat(**orjson.loads(raw)) if raw else None
    except (ValueError, TypeError):
        return None
