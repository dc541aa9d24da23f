"""Actions on queues and jobs. Each is atomic for a job, safe beside running workers, and lane-safe.

Who may do what is decided by the caller; nothing here reads or writes audit logs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from redis import Redis

from common.clock import iso
from common.queueing import failures, inspect, keys
from common.queueing.job import LIB
from common.store.scripts import Script

CHUNK = 50  # jobs a script: below 5 ms of Redis with room to spare, also for the slow ones with lanes
PAGE = 500  # jobs read at once

#: Hears how far bulk work is, after each chunk: jobs done, jobs that are still there.
Told = Callable[[int, int], None]

_RETRY = Script("common.queueing", "retry", lib=[LIB])
_DELETE = Script("common.queueing", "delete", lib=[LIB])
_PROMOTE = Script("common.queueing", "promote", lib=[LIB])
_WAKE = Script("common.queueing", "wake", lib=[LIB])


class Drained(NamedTuple):
    """What a drain did: jobs that still ran when it gave up (0: it did not), and jobs that it took away."""

    running: int
    deleted: int


def _quiet(_done: int, _left: int) -> None:
    """Tells nobody."""


def retry(db: Redis, job_id: str, *, now: float) -> bool:
    """Run a failed or stopped job again, all attempts restored, at the end of its queue or lane."""
    return _each(db, _RETRY, [job_id], now) == 1


def retry_all(
    db: Redis, queue: str, *, now: float, limit: int = 10_000, error: str = "", told: Told = _quiet
) -> int:
    """Run a queue's failed jobs again, the oldest first, at most `limit`; returns how many.

    With `error`, only those whose error has this fingerprint, or begins so (see `failures`).
    """
    done, offset = 0, 0
    while done < limit:
        ids: Any = db.zrange(keys.failed(queue), offset, offset + PAGE - 1)
        if not ids:
            break
        wanted = ids
        if error:
            lines = failures.errors_of(db, ids)
            wanted = [job_id for job_id, line in zip(ids, lines, strict=True) if failures.matches(line, error)]
        taken = _each(db, _RETRY, wanted[: limit - done], now)
        done, offset = done + taken, offset + len(ids) - taken
        told(done, db.zcard(keys.failed(queue)))
    return done


def delete(db: Redis, job_id: str, *, now: float | None = None) -> bool:
    """Take a job away with all that is kept of it; False when it runs, or there is none. Its lane moves on.

    Without `now` Redis' own time is taken.
    """
    return _delete(db, [job_id], _now(db) if now is None else now)[0] == 1


def empty(db: Redis, queue: str, *, now: float, limit: int = 1_000_000, told: Told = _quiet) -> int:
    """Take away what waits in a queue and its lanes, `limit` jobs at most; scheduled and running jobs stay."""
    done = 0
    for state in ("deferred", "queued"):  # in this order no head's end sets the next of its lane free
        offset = 0
        while done < limit:
            page = inspect.list_ids(db, queue, state, offset=offset, limit=min(PAGE, limit - done))
            if not page.ids:
                break
            taken, forgot = _delete(db, page.ids, now, queue)
            done, offset = done + taken, offset + len(page.ids) - taken - forgot
            told(done, page.total - taken - forgot)
    return done


def clean(
    db: Redis, queue: str, state: str, *, older_than: float, now: float, limit: int = 10_000, told: Told = _quiet
) -> int:
    """Take away jobs of one state that have been in it for `older_than` seconds, `limit` at most; returns how many.

    Raises:
        ValueError: an unknown state, or `started`: what runs is stopped, not cleaned.
    """
    if state == "started":
        raise ValueError("running jobs are stopped, not cleaned")
    done, offset = 0, 0
    while done < limit:
        ids = inspect.list_ids(db, queue, state, offset=offset, limit=PAGE, oldest_first=True).ids
        if not ids:
            break
        rows = inspect.rows(db, ids)
        old = [row.id for row in rows if now - (row.ended_at or row.enqueued_at or now) >= older_than]
        taken, _ = _delete(db, old[: limit - done], now)
        done, offset = done + taken, offset + len(ids) - taken
        told(done, offset)
    return done


def drain(db: Redis, queue: str, *, now: float, wait: float = 30.0, told: Told = _quiet) -> Drained:
    """Start no more jobs of a queue, wait for those that run, then take away what waits; the queue goes on after it.

    When some still run after `wait` seconds, nothing is taken away. `told` hears 0 and how many run, then as `empty`.
    """
    was_paused, until = queue in paused(db), time.monotonic() + wait
    pause(db, queue)
    try:
        while (running := int(db.zcard(keys.wip(queue)))) and time.monotonic() < until:
            told(0, running)
            time.sleep(0.1)
        return Drained(running, 0 if running else empty(db, queue, now=now, told=told))
    finally:
        if not was_paused:
            resume(db, queue)


def promote(db: Redis, job_id: str, *, now: float) -> bool:
    """Run a scheduled job now; False when it is not waiting for its time."""
    return _each(db, _PROMOTE, [job_id], now) == 1


def pause(db: Redis, queue: str) -> None:
    """No worker takes a job of this queue from the next claim on; running jobs end."""
    db.sadd(keys.PAUSED, queue)


def resume(db: Redis, queue: str) -> None:
    """Workers take jobs of this queue again, at once."""
    db.srem(keys.PAUSED, queue)
    _WAKE(db, queue)


def pause_all(db: Redis) -> None:
    """No worker takes a job of any queue, RQ's own workers included; running jobs end."""
    db.set(keys.SUSPENDED, 1)


def resume_all(db: Redis) -> None:
    """Undo `pause_all`; queues that were paused one by one stay so."""
    db.delete(keys.SUSPENDED)
    _WAKE(db, *inspect.queue_names(db))


def all_paused(db: Redis) -> bool:
    """`pause_all` is in force."""
    return bool(db.exists(keys.SUSPENDED))


def paused(db: Redis) -> set[str]:
    """Names of the paused queues."""
    names: Any = db.smembers(keys.PAUSED)
    return {name.decode() for name in names}


def limit(db: Redis, queue: str, *, jobs: int, seconds: float, burst: int = 1) -> None:
    """Start at most `jobs` of a queue in `seconds`, over all workers; `burst` of them may start at once.

    Raises:
        ValueError: a number is not positive.
    """
    if not (jobs > 0 and seconds > 0 and burst > 0):
        raise ValueError("a limit needs positive numbers")
    db.hset(keys.limit(queue), mapping={"n": jobs, "us": round(seconds * 1e6), "burst": burst})


def unlimit(db: Redis, queue: str) -> None:
    """Take a queue's limit away."""
    db.delete(keys.limit(queue))
    _WAKE(db, queue)


def set_limits(db: Redis, queues: Sequence[str], limits: Mapping[str, str]) -> None:
    """Carry out QUEUE_LIMIT_<QUEUE> settings: `{"WHATSAPP_AI": "10/1s"}` for `whatsapp-ai`, a tenth of it at once.

    An empty text takes the limit away; queues that are not named keep what they have.
    """
    for queue in queues:
        text = limits.get(queue.upper().replace("-", "_"))
        if text:
            jobs, seconds = (int(part) for part in text.removesuffix("s").split("/"))
            limit(db, queue, jobs=jobs, seconds=seconds, burst=max(1, jobs // 10))
        elif text is not None:
            unlimit(db, queue)


def hold(db: Redis, queue: str, *, until: float) -> None:
    """Start no job of a limited queue before `until` (unix s): a 429 that asks all workers to wait."""
    if db.exists(keys.limit(queue)):
        db.hset(keys.limit(queue), "tat", math.ceil(until * 1e6))


def limit_keys(db: Redis, name: str, *, jobs: int, seconds: float, burst: int = 1) -> None:
    """Start at most `jobs` in `seconds` per key of the limit `name`, over all queues and workers: jobs say which by
    `JobSpec.limit` ("pair:<key>"). Those over it wait for their key's next free moment, each its own.

    Raises:
        ValueError: a number is not positive, or the name has a colon.
    """
    if not (jobs > 0 and seconds > 0 and burst > 0) or ":" in name or not name:
        raise ValueError("a limit needs a name without colon and positive numbers")
    db.hset(keys.limit_rule(name), mapping={"n": jobs, "us": round(seconds * 1e6), "burst": burst})


def hold_key(db: Redis, limit: str, *, until: float, now: float) -> None:
    """Start no job of this `<limit name>:<key>` before `until` (unix s): a 130429, or a Retry-After."""
    rule: Any = db.hmget(keys.limit_rule(limit.partition(":")[0]), "n", "us", "burst")
    if rule[0] and until > now:
        step = float(rule[1]) / float(rule[0])
        tat = until * 1e6 + (int(rule[2]) - 1) * step
        db.set(keys.limit_state(limit), math.ceil(tat), px=math.ceil((until - now) * 1e3 + int(rule[2]) * step / 1e3))


def _delete(db: Redis, ids: Sequence[str], now: float, queue: str = "") -> tuple[int, int]:
    """CHUNK at a time, or fewer when they stand deep in long lists; returns how many jobs were deleted, and how many
    ids without a job `queue` forgot."""
    done, forgot, at = 0, 0, 0
    while at < len(ids):
        taken, gone, looked = _DELETE(db, iso(now), queue, *ids[at : at + CHUNK])
        done, forgot, at = done + int(taken), forgot + int(gone), at + int(looked)
    return done, forgot


def _each(db: Redis, script: Script, ids: Sequence[str | bytes], now: float) -> int:
    chunks = (ids[i : i + CHUNK] for i in range(0, len(ids), CHUNK))
    return sum(int(script(db, iso(now), *chunk)) for chunk in chunks)


def _now(db: Redis) -> float:
    seconds, micros = db.time()
    return float(seconds) + float(micros) / 1e6
