"""Reads of queues, jobs and workers: never a write, never a walk of all keys, a bounded page at a time.

What is scheduled is counted per queue from RQ's own `rq:scheduled:<queue>`, which is written together with
rq-scheduler's one set for all queues.
"""

from __future__ import annotations

import zlib
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from redis import Redis

from common.queueing import keys

STATES = ("queued", "started", "scheduled", "deferred", "finished", "failed")
MOST = 500  # rows a page
_LARGEST = 1 << 20  # bytes of unpacked data or traceback that are shown
_FIELDS = (
    "status", "origin", "func", "lane", "created_at", "enqueued_at", "started_at", "ended_at", "number_of_retries",
    "retries_left", "error", "worker_name", "description",
)  # fmt: skip
_REGISTRIES = {
    "started": keys.wip, "scheduled": keys.scheduled, "deferred": keys.deferred, "finished": keys.finished,
    "failed": keys.failed,
}  # fmt: skip
_NEWEST_FIRST = frozenset(("finished", "failed"))


@dataclass(frozen=True, slots=True)
class JobRow:
    """One line of a list. Times are unix seconds; `attempt` counts from 1; `error` is the last failure, one line."""

    id: str
    queue: str
    state: str
    func: str
    lane: str
    created_at: float | None
    enqueued_at: float | None
    started_at: float | None
    ended_at: float | None
    attempt: int
    attempts: int
    error: str
    worker: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list, and how many the whole list has."""

    rows: list[JobRow]
    total: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run that failed or was lost."""

    at: float
    worker: str
    error: str
    traceback: str


@dataclass(frozen=True, slots=True)
class JobDetail:
    """A job as its own page shows it; `due_at` in unix seconds while it waits for its time."""

    row: JobRow
    description: str
    kwargs: Mapping[str, Any]
    attempts: list[Attempt]  # oldest first, at most 5
    result: Any
    due_at: float | None


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker; `jobs` are the ids it runs, `done` and `failed` its counters since it started."""

    name: str
    state: str
    queues: list[str]
    jobs: list[str]
    last_heartbeat: float | None
    started_at: float | None
    pid: int
    hostname: str
    done: int
    failed: int


@dataclass(frozen=True, slots=True)
class QueueSample:
    """A queue at one moment; `oldest` in seconds, totals only grow."""

    queued: int
    started: int
    scheduled: int
    deferred: int
    failed: int
    oldest: float | None
    finished_total: int
    failed_total: int


@dataclass(frozen=True, slots=True)
class Sample:
    """All queues at one moment (unix s)."""

    at: float
    queues: dict[str, QueueSample]


def queue_names(db: Redis) -> list[str]:
    """Every queue that ever held a job."""
    found: Any = db.smembers(keys.QUEUES)
    return sorted(key.decode().removeprefix("rq:queue:") for key in found)


def counts(db: Redis, queues: Sequence[str]) -> dict[str, dict[str, int]]:
    """Jobs by queue and state; one round trip. Ended jobs that expired in the last seconds may still be counted."""
    pipe = db.pipeline(transaction=False)
    for queue in queues:
        pipe.llen(keys.queue(queue))
        for registry in _REGISTRIES.values():
            pipe.zcard(registry(queue))
    numbers = iter(pipe.execute())
    return {queue: {state: int(next(numbers)) for state in STATES} for queue in queues}


def oldest_queued(db: Redis, queue: str, *, now: float) -> float | None:
    """Seconds that the next job of a queue has been waiting; None when nothing waits."""
    head: Any = db.lindex(keys.queue(queue), 0)
    at = _epoch(db.hget(keys.job(head.decode()), "enqueued_at")) if head else None  # type: ignore[arg-type]
    return None if at is None else max(0.0, now - at)


def list_jobs(
    db: Redis, queue: str, state: str, *, offset: int = 0, limit: int = 50, oldest_first: bool = False
) -> Page:
    """A page of a queue's jobs in one state; ended ones newest first, unless told otherwise, the others in the order
    they will go.

    Raises:
        ValueError: an unknown state.
    """
    first, last = max(0, offset), max(0, offset) + min(max(1, limit), MOST) - 1
    pipe = db.pipeline(transaction=False)
    if state == "queued":
        pipe.llen(keys.queue(queue))
        pipe.lrange(keys.queue(queue), first, last)
    elif state in _REGISTRIES:
        key = _REGISTRIES[state](queue)
        pipe.zcard(key)
        pipe.zrange(key, first, last, desc=state in _NEWEST_FIRST and not oldest_first)
    else:
        raise ValueError(f"unknown state; one of {', '.join(STATES)}")
    total, entries = pipe.execute()
    ids = [entry.decode() for entry in entries]
    if state == "started":
        ids = [entry.rpartition(":")[0] for entry in ids]
    return Page(_rows(db, ids), int(total))


def job_detail(db: Redis, job_id: str) -> JobDetail | None:
    """All that is known of a job; None when there is none."""
    pipe = db.pipeline(transaction=False)
    pipe.hmget(keys.job(job_id), *_FIELDS)
    pipe.hmget(keys.job(job_id), "data", "result", "due")
    pipe.xrange(keys.results(job_id), count=10)
    pipe.zscore(keys.DELAYED, job_id)
    fields, (data, result, later), failures, due = pipe.execute()
    if fields[0] is None and data is None:
        return None
    due_at = due if due is not None else float(later) if later else None
    return JobDetail(
        row=_row(job_id, fields),
        description=_text(fields[-1]),
        kwargs=_kwargs(data or b""),
        attempts=[_attempt(at, entry) for at, entry in failures if entry.get(b"type") != b"1"],
        result=_result(result, failures),
        due_at=due_at,
    )


def workers(db: Redis) -> list[WorkerRow]:
    """The workers that gave a sign of life lately."""
    found: Any = db.smembers(keys.WORKERS)
    names = sorted(key.decode().removeprefix("rq:worker:") for key in found)
    pipe = db.pipeline(transaction=False)
    for name in names:
        pipe.hgetall(keys.worker(name))
        pipe.smembers(keys.worker_executions(name))
    answers = pipe.execute()
    pairs = zip(names, answers[::2], answers[1::2], strict=True)
    return [_worker(name, about, running) for name, about, running in pairs if about.get(b"birth")]


def samples(db: Redis, *, since: float) -> list[Sample]:
    """Samples since `since` (unix s), oldest first: every 5 s within the last hour, every minute within the last day,
    every half hour before that."""
    newest: Any = db.xrevrange(keys.samples(keys.SAMPLE_STEPS[0][0]), count=1)
    now = int(newest[0][0].split(b"-")[0]) / 1000 if newest else since
    step = next((step for step, most in keys.SAMPLE_STEPS if now - since <= step * most * 1.02), 1_800)
    entries: Any = db.xrange(keys.samples(step), min=f"{max(0, int(since * 1000))}-0")
    return [
        Sample(int(at.split(b"-")[0]) / 1000, {q: QueueSample(*row) for q, row in orjson.loads(entry[b"q"]).items()})
        for at, entry in entries
    ]


def _rows(db: Redis, ids: Sequence[str]) -> list[JobRow]:
    pipe = db.pipeline(transaction=False)
    for job_id in ids:
        pipe.hmget(keys.job(job_id), *_FIELDS)
    return [_row(job_id, fields) for job_id, fields in zip(ids, pipe.execute(), strict=True) if fields[0] is not None]


def _row(job_id: str, fields: Sequence[bytes | None]) -> JobRow:
    status, origin, func, lane, created, enqueued, started, ended, tries, left, error, worker, description = fields
    attempt = int(tries or 0) + 1
    return JobRow(
        id=job_id, queue=_text(origin), state="failed" if status == b"stopped" else _text(status),
        func=_text(func) or _text(description), lane=_text(lane), created_at=_epoch(created),
        enqueued_at=_epoch(enqueued), started_at=_epoch(started), ended_at=_epoch(ended), attempt=attempt,
        attempts=attempt + max(0, int(left or 0)), error=_text(error), worker=_text(worker),
    )  # fmt: skip


def _worker(name: str, about: Mapping[bytes, bytes], running: set[bytes]) -> WorkerRow:
    return WorkerRow(
        name=name, state="busy" if running else _text(about.get(b"state")),
        queues=_text(about.get(b"queues")).split(","),
        jobs=sorted(key.decode().rpartition(":")[0] for key in running),
        last_heartbeat=_epoch(about.get(b"last_heartbeat")), started_at=_epoch(about.get(b"birth")),
        pid=int(about.get(b"pid") or 0), hostname=_text(about.get(b"hostname")),
        done=int(about.get(b"successful_job_count") or 0), failed=int(about.get(b"failed_job_count") or 0),
    )  # fmt: skip


def _attempt(at: bytes, entry: Mapping[bytes, bytes]) -> Attempt:
    trace = ""
    if packed := entry.get(b"exc_string"):
        trace = _unzip(b64decode(packed)).decode(errors="replace")
    lines = trace.strip().splitlines()
    error = _text(entry.get(b"error")) or (lines[-1] if lines else "")
    return Attempt(int(at.split(b"-")[0]) / 1000, _text(entry.get(b"worker_name")), error, trace)


def _result(plain: bytes | None, stream: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> Any:
    """Ours stands in the hash; a stock worker's is the last entry of the stream."""
    packed = stream[-1][1].get(b"return_value") if stream else None
    try:
        return orjson.loads(plain or b64decode(packed or b"") or b"null")
    except ValueError:
        return None


def _kwargs(data: bytes) -> Mapping[str, Any]:
    """A job's keyword arguments; `{}` when its data is not JSON: nothing is ever unpickled."""
    try:
        call = orjson.loads(data if data[:1] == b"[" else _unzip(data))
        return call[3] if isinstance(call[3], dict) else {}
    except (ValueError, IndexError, KeyError, TypeError):
        return {}


def _unzip(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, _LARGEST)
    except zlib.error:
        return b""


def _epoch(value: bytes | None) -> float | None:
    try:
        return datetime.fromisoformat(value.decode()).timestamp() if value else None
    except ValueError:
        return None


def _text(value: bytes | None) -> str:
    return value.decode(errors="replace") if value else ""
