"""One claimed job, from its claim to its ending."""

from __future__ import annotations

import asyncio
import logging
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import orjson

from common.clock import iso
from common.queueing.context import JobContext
from common.queueing.job import DAY
from common.store.scripts import Arg, Call

log = logging.getLogger("relevo.worker")

LARGEST_RESULT = 65_536  # bytes
Kind = Literal["ok", "failed", "stopped", "retry", "later", "back"]
Why = Literal["", "stop", "back", "lost", "late"]


class DeadJob(NamedTuple):
    """A job that failed for good, as the `on_dead` hook gets it; `reason` is one line without customer text."""

    id: str
    queue: str
    kwargs: Mapping[str, Any]
    reason: str


class Ending(NamedTuple):
    """How a run ended; `payload` is a result as JSON or a traceback as RQ packs it, `due` unix seconds."""

    kind: Kind
    ttl: int = 0
    payload: bytes = b""
    due: float = 0.0
    error: str = ""


class Work(NamedTuple):
    """What a job's data says."""

    func: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]


NO_WORK = Work("", (), {})


class Claimed(NamedTuple):
    """A row of the claim script: the job's fields as its hash has them, None where it has none.

    `doomed` is the id of a job it needed that has failed: it may not run; `expired` says that it waited longer than it
    may; `briefing` is what was read for its function.
    """

    queue: bytes
    job_id: bytes
    execution: bytes
    data: bytes | None = None
    timeout: bytes | None = None
    result_ttl: bytes | None = None
    failure_ttl: bytes | None = None
    retries_left: bytes | None = None
    retries: bytes | None = None
    lane: bytes | None = None
    enqueued_at: bytes | None = None
    doomed: bytes | None = None
    backoff: bytes | None = None
    keep_completed: bytes | None = None
    keep_failed: bytes | None = None
    expired: bytes | None = None
    briefing: Any = None

    @property
    def most_seconds(self) -> float:
        """It may run so long."""
        seconds = _integer(self.timeout, 0)
        return seconds if seconds > 0 else math.inf

    @property
    def kept(self) -> int:
        """Seconds its hash stays after a good end; negative: for ever."""
        return _integer(self.result_ttl, DAY)

    @property
    def failure_kept(self) -> int:
        """As `kept`, after a bad one."""
        return _integer(self.failure_ttl, 7 * DAY)

    def context(self, worker: str) -> JobContext:
        """What its function may know."""
        tries, left = _integer(self.retries, 0), _integer(self.retries_left, 0)
        return JobContext(
            self.job_id.decode(), self.execution.decode(), self.queue.decode(), (self.lane or b"").decode(), tries + 1,
            tries + 1 + max(0, left), _epoch(self.enqueued_at), worker, self.briefing,
        )  # fmt: skip


@dataclass(slots=True, eq=False)
class Run:
    """One claimed job.

    Attributes:
        server: run_id of the Redis that it was claimed from; "" when that is not known.
        until: loop time at which it has run for too long.
        words: what it has to write at its end, with its ending.
        why: set before its task is cancelled: stop (a person), back (the worker stops), lost (another run has it), late
            (it runs for too long).
    """

    claimed: Claimed
    context: JobContext
    started: float
    server: str = ""
    until: float = math.inf
    task: asyncio.Task[None] | None = None
    work: Work = NO_WORK
    ending: Ending | None = None
    begun: bool = False
    words: tuple[Call, ...] = ()
    why: Why = ""

    @property
    def lease(self) -> tuple[str, str, str]:
        """What names its lease to the scripts."""
        return self.context.queue, self.context.id, self.context.execution

    def cancel(self, why: Why) -> None:
        """End it from outside. A task that has not taken its first step looks at `why` itself."""
        self.why = self.why or why
        if self.begun and self.task and self.ending is None:
            self.task.cancel()

    def row(self, at: float, server: str) -> tuple[Arg, ...]:
        """Its fourteen arguments of the finish script, for `server`; its last words come behind all rows.

        Another one than it was claimed from may have forgotten what the run has written down: there it runs again.
        """
        moved = bool(self.server) and self.server != server
        end = self.ending if self.ending and not moved else BACK
        job, claimed = self.context, self.claimed
        keep = claimed.keep_completed if end.kind == "ok" else claimed.keep_failed
        return (
            job.queue, job.id, job.execution, end.kind, end.ttl, f"{at:.6f}", iso(at), f"{self.started:.6f}", job.lane,
            end.payload, f"{end.due:.3f}" if end.due else "0", end.error, keep or "", len(self.words),
        )  # fmt: skip

    def spoken(self) -> list[Arg]:
        """Its last words as the finish script takes them."""
        return [item for call in self.words for item in (call.script.name, len(call.args), *call.args)]


BACK = Ending("back")


def from_claim(row: Sequence[Any], worker: str, now: float, server: str = "") -> Run:
    """A run from a row of the claim script."""
    claimed = Claimed._make(row)
    return Run(claimed, claimed.context(worker), now, server)


def read_work(data: bytes) -> Work:
    """What to call, from a job's data: JSON, plain as we write it or zlib-compressed as RQ rewrites it.

    Raises:
        ValueError: it is neither.
    """
    try:
        func, instance, args, kwargs = orjson.loads(data if data[:1] == b"[" else zlib.decompress(data))
    except (zlib.error, TypeError) as error:
        raise ValueError("the job's data is not JSON as the JSON serializer writes it") from error
    if instance is not None or not (isinstance(func, str) and isinstance(args, list) and isinstance(kwargs, dict)):
        raise ValueError("the job's data names no function")
    return Work(func, args, kwargs)


def packed(result: Any, job_id: str) -> bytes:
    """A result as its job's hash keeps it; nothing for None."""
    if result is None:
        return b""
    try:
        packed = orjson.dumps(result, default=str)
    except TypeError:
        log.warning("job %s: its result is not JSON and is not kept", job_id)
        return b""
    if len(packed) > LARGEST_RESULT:
        log.warning("job %s: its result has %d bytes and is not kept", job_id, len(packed))
        return b""
    return packed


def _integer(value: bytes | None, default: int) -> int:
    return int(value) if value else default


def _epoch(value: bytes | None) -> float:
    try:
        return datetime.fromisoformat(value.decode()).timestamp() if value else 0.0
    except ValueError:
        return 0.0
