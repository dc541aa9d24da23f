"""Reads of queues, jobs and workers: never a write, never a walk of all keys, a bounded page at a time.

What is scheduled is counted per queue from RQ's own `rq:scheduled:<queue>`, which is written together with
rq-scheduler's one set for all queues.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from redis import Redis

from common.queueing import decoding, keys, waiting

STATES = ("queued", "started", "scheduled", "deferred", "finished", "failed")
MOST = 500  # rows a page
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


class IdPage(NamedTuple):
    """Some ids of a list, and how many the whole list has."""

    ids: list[str]
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
    """A queue at one moment; `oldest` in seconds, totals only grow.

    wait_* and run_* are seconds that jobs which ended since the sample before waited and ran (median, 95 of 100); None
    when none ended.
    """

    queued: int
    started: int
    scheduled: int
    deferred: int
    failed: int
    oldest: float | None
    finished_total: int
    failed_total: int
    wait_p50: float | None = None
    wait_p95: float | None = None
    run_p50: float | None = None
    run_p95: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """All queues at one moment (unix s)."""

    at: float
    queues: dict[str, QueueSample]


def queue_names(db: Redis) -> list[str]:
    """Every queue that ever held a job."""
    found: Any = db.smembers(keys.QUEUES)
    names = (key.decode().removeprefix("rq:queue:") for key in found)
    return sorted(name for name in names if not waiting.is_band(name))


def counts(db: Redis, queues: Sequence[str]) -> dict[str, dict[str, int]]:
    """Jobs by queue and state. Ended jobs that expired in the last seconds may still be counted."""
    queued = waiting.lengths(db, queues)
    pipe = db.pipeline(transaction=False)
    for queue in queues:
        for registry in _REGISTRIES.values():
            pipe.zcard(registry(queue))
    numbers = iter(pipe.execute())
    return {
        queue: {"queued": sum(n for _, n in queued[queue]), **{state: int(next(numbers)) for state in _REGISTRIES}}
        for queue in queues
    }


def oldest_queued(db: Redis, queue: str, *, now: float) -> float | None:
    """Seconds that the next job of a queue, or of a lower priority in it, has been waiting; None when nothing waits."""
    pipe = db.pipeline(transaction=False)
    for head in waiting.heads(db, [queue])[queue]:
        pipe.hget(keys.job(head), "enqueued_at")
    times = [at for raw in pipe.execute() if (at := decoding.epoch(raw)) is not None]
    return max(0.0, now - min(times)) if times else None


def list_ids(
    db: Redis, queue: str, state: str, *, offset: int = 0, limit: int = 50, oldest_first: bool = False
) -> IdPage:
    """A page of the ids of a queue's jobs in one state, in the order of `list_jobs`.

    Raises:
        ValueError: an unknown state.
    """
    first, last = max(0, offset), max(0, offset) + min(max(1, limit), MOST) - 1
    if state == "queued":
        total, entries = waiting.page(db, queue, first, last)
    elif state in _REGISTRIES:
        pipe, key = db.pipeline(transaction=False), _REGISTRIES[state](queue)
        pipe.zcard(key)
        pipe.zrange(key, first, last, desc=state in _NEWEST_FIRST and not oldest_first)
        total, entries = pipe.execute()
    else:
        raise ValueError(f"unknown state; one of {', '.join(STATES)}")
    ids = [entry.decode() for entry in entries]
    if state == "started":
        ids = [entry.rpartition(":")[0] for entry in ids]
    return IdPage(ids, int(total))


def list_jobs(
    db: Redis, queue: str, state: str, *, offset: int = 0, limit: int = 50, oldest_first: bool = False
) -> Page:
    """A page of a queue's jobs in one state; ended ones newest first, unless told otherwise, the others in the order
    they will go.

    Raises:
        ValueError: an unknown state.
    """
    found = list_ids(db, queue, state, offset=offset, limit=limit, oldest_first=oldest_first)
    return Page(rows(db, found.ids), found.total)


def rows(db: Redis, ids: Sequence[str]) -> list[JobRow]:
    """The jobs of these ids, without those that are gone."""
    pipe = db.pipeline(transaction=False)
    for job_id in ids:
        pipe.hmget(keys.job(job_id), *_FIELDS)
    return [_row(job_id, fields) for job_id, fields in zip(ids, pipe.execute(), strict=True) if fields[0] is not None]


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
        description=decoding.text(fields[-1]),
        kwargs=decoding.kwargs(data or b""),
        attempts=[_attempt(at, entry) for at, entry in failures if entry.get(b"type") != b"1"],
        result=decoding.result(result, failures),
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
    return [_sample(at, entry) for at, entry in entries]


def latest_samples(db: Redis, step: int, count: int) -> list[Sample]:
    """The newest `count` samples of `step` seconds (one of SAMPLE_STEPS), oldest first."""
    found: Any = db.xrevrange(keys.samples(step), count=count)
    return [_sample(at, entry) for at, entry in reversed(found)]


def _sample(at: bytes, entry: Mapping[bytes, bytes]) -> Sample:
    rows = {queue: QueueSample(*row) for queue, row in orjson.loads(entry[b"q"]).items()}
    return Sample(int(at.split(b"-")[0]) / 1000, rows)


def _row(job_id: str, fields: Sequence[bytes | None]) -> JobRow:
    status, origin, func, lane, created, enqueued, started, ended, tries, left, error, worker, description = fields
    attempt = int(tries or 0) + 1
    return JobRow(
        id=job_id, queue=decoding.text(origin), state="failed" if status == b"stopped" else decoding.text(status),
        func=decoding.text(func) or decoding.text(description), lane=decoding.text(lane),
        created_at=decoding.epoch(created), enqueued_at=decoding.epoch(enqueued), started_at=decoding.epoch(started),
        ended_at=decoding.epoch(ended), attempt=attempt,
        attempts=attempt + max(0, int(left or 0)), error=decoding.text(error), worker=decoding.text(worker),
    )  # fmt: skip


def _worker(name: str, about: Mapping[bytes, bytes], running: set[bytes]) -> WorkerRow:
    return WorkerRow(
        name=name, state="busy" if running else decoding.text(about.get(b"state")),
        queues=decoding.text(about.get(b"queues")).split(","),
        jobs=sorted(key.decode().rpartition(":")[0] for key in running),
        last_heartbeat=decoding.epoch(about.get(b"last_heartbeat")), started_at=decoding.epoch(about.get(b"birth")),
        pid=int(about.get(b"pid") or 0), hostname=decoding.text(about.get(b"hostname")),
        done=int(about.get(b"successful_job_count") or 0), failed=int(about.get(b"failed_job_count") or 0),
    )  # fmt: skip


def _attempt(at: bytes, entry: Mapping[bytes, bytes]) -> Attempt:
    trace = ""
    if packed := entry.get(b"exc_string"):
        trace = decoding.unzip(b64decode(packed)).decode(errors="replace")
    lines = trace.strip().splitlines()
    error = decoding.text(entry.get(b"error")) or (lines[-1] if lines else "")
    return Attempt(int(at.split(b"-")[0]) / 1000, decoding.text(entry.get(b"worker_name")), error, trace)
