"""A job to be queued, and queueing it: one script call, atomic, once per id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import Any, Literal

import orjson
from redis import Redis

from common.clock import iso
from common.store.scripts import Arg, Call, Script, run_batch

LIB = "common.queueing:lib"
ENQUEUE = Script("common.queueing", "enqueue", lib=[LIB])
DAY = 86_400
MOST_NEEDS = 1_000
NORMAL = 5  # the priority that most jobs have
CHUNK = 500  # jobs per round trip of enqueue_many
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")  # what RQ accepts, too


class Enqueued(Enum):
    """What became of a job, as `q_enqueue` answers."""

    DUPLICATE = 0  # the id exists: nothing was done
    QUEUED = 1
    DEFERRED = 2  # its lane has a head
    SCHEDULED = 3


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long failed attempts wait: always `seconds`, or `seconds` doubled each time with full jitter, as the worker
    caps it.

    Raises:
        ValueError: another kind, or a time that is not positive.
    """

    kind: Literal["fixed", "exponential"]
    seconds: float

    def __post_init__(self) -> None:
        if self.kind not in {"fixed", "exponential"} or not self.seconds > 0:
            raise ValueError("a back-off is fixed or exponential, of some seconds")

    def __str__(self) -> str:
        return f"{self.kind} {self.seconds:g}"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job.

    Attributes:
        id: letters, digits, `_` and `-`; the same id is queued once as long as its hash is kept.
        func: dotted path of an `async def` (or plain) function; workers refuse paths outside their allow-list.
        kwargs: JSON values only; no text or phone number of a customer.
        lane: jobs of one lane run one at a time, in the order they were queued.
        due: unix seconds before which it does not run.
        timeout: seconds a run may take.
        attempts: runs that may fail before the job counts as failed.
        result_ttl, failure_ttl: seconds the hash is kept after success (0: not at all) and after failure.
        description: what a person reads in a list; no personal data.
        depends_on: ids of jobs that must be over before it runs (and before it enters its lane); an id that is not
            there counts as over. When one fails, it fails, too, unless `allow_failure`.
        priority: 1 (first) to 10; in a queue, all waiting jobs of a lower number come first, in the order they were
            queued. In a lane the lane's order counts: the priority is the head's against other lanes.
        ttl: seconds from its queueing (or from `due`) in which it has to begin; later it fails as JobExpired.
        backoff: how failed attempts wait; the worker's own way by default.
        keep_completed, keep_failed: when this job ends so, its queue keeps the newest so many of those that ended so.
        limit: `<limit name>:<key>`, see manage.limit_keys: at most so many starts per key, the others wait their turn.
    """

    id: str
    queue: str
    func: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    lane: str = ""
    due: float | None = None
    timeout: float = 120
    attempts: int = 5
    result_ttl: int = DAY
    failure_ttl: int = 7 * DAY
    description: str = ""
    depends_on: tuple[str, ...] = ()
    allow_failure: bool = False
    limit: str = ""
    priority: int = NORMAL
    ttl: float | None = None
    backoff: Backoff | None = None
    keep_completed: int | None = None
    keep_failed: int | None = None

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError("a job id has 1-128 letters, digits, _ and -")
        if self.attempts < 1:
            raise ValueError("a job needs at least one attempt")
        if len(self.depends_on) > MOST_NEEDS:
            raise ValueError(f"a job can wait for {MOST_NEEDS} others at most")
        if not (isinstance(self.priority, int) and 1 <= self.priority <= 10):
            raise ValueError("a priority is a whole number from 1 (first) to 10")
        if self.ttl is not None and not self.ttl > 0:
            raise ValueError("a job needs some time to begin")
        if min(self.keep_completed or 0, self.keep_failed or 0) < 0:
            raise ValueError("fewer than no jobs cannot be kept")

    def fields(self, now: float) -> list[Arg]:
        """Fields and values of the job's hash, flat, as RQ 3 with the JSON serializer reads them."""
        at = iso(now)
        return [
            "created_at", at, "enqueued_at", at,
            "data", orjson.dumps([self.func, None, [], dict(self.kwargs)]),
            "func", self.func, "origin", self.queue, "status", "created",
            "description", self.description or self.func,
            "timeout", max(1, round(self.timeout)), "result_ttl", self.result_ttl, "failure_ttl", self.failure_ttl,
            "retries_left", self.attempts - 1, "number_of_retries", 0, *self._options(now),
        ]  # fmt: skip

    def _options(self, now: float) -> list[Arg]:
        """Fields that few jobs have."""
        out: list[Arg] = ["limit", self.limit] if self.limit else []
        if self.priority != NORMAL:
            out += ["priority", self.priority]
        if self.ttl is not None:
            out += ["expires", f"{max(now, self.due or now) + self.ttl:.3f}"]
        if self.backoff:
            out += ["backoff", str(self.backoff)]
        for name, count in (("keep_completed", self.keep_completed), ("keep_failed", self.keep_failed)):
            if count is not None:
                out += [name, count]
        if self.depends_on:
            ids = orjson.dumps(self.depends_on)
            out += ["dependency_ids", ids, "allow_dependency_failures", int(self.allow_failure)]
        return out


def enqueue_call(spec: JobSpec, now: float) -> Call:
    """The call that queues `spec`, to be sent with others; its result is the value of an `Enqueued`."""
    due = "" if spec.due is None else f"{spec.due:.3f}"
    needs: list[Arg] = [len(spec.depends_on), *spec.depends_on]
    return Call(ENQUEUE, (spec.id, spec.queue, spec.lane, iso(now), due, *needs, *spec.fields(now)))


def enqueue(db: Redis, spec: JobSpec, *, now: float) -> Enqueued:
    """Queue one job.

    Raises:
        RedisError: Redis is down or refuses writes; calling again is safe, the id is queued once.
    """
    call = enqueue_call(spec, now)
    return Enqueued(call.script(db, *call.args))


def enqueue_many(db: Redis, specs: Iterable[JobSpec], *, now: float) -> list[Enqueued]:
    """Queue many jobs, CHUNK per round trip; each is atomic by itself.

    Raises:
        RedisError: one could not be queued; calling again with the same specs is safe.
    """
    todo, done = iter(specs), []
    while chunk := [enqueue_call(spec, now) for spec in islice(todo, CHUNK)]:
        for result in run_batch(db, chunk):
            if isinstance(result, Exception):
                raise result
            done.append(Enqueued(result))
    return done
