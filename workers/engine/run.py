"""One claimed job, from its claim to its ending."""

from __future__ import annotations

import asyncio
import logging
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

import orjson

from common.clock import iso
from common.queueing.context import JobContext
from common.queueing.job import DAY
from common.store.scripts import Arg

log = logging.getLogger("relevo.worker")

LARGEST_RESULT = 65_536  # bytes
Kind = Literal["ok", "failed", "stopped", "retry", "later", "back"]
Why = Literal["", "stop", "back", "lost"]


class DeadJob(NamedTuple):
    """A job that failed for good, as the `on_dead` hook gets it; `reason` is one line without customer text."""

    id: str
    queue: str
    kwargs: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, slots=True)
class Ending:
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


@dataclass(slots=True, eq=False)
class Run:
    """One claimed job.

    Attributes:
        doomed: id of a job it needed that has failed: it may not run.
        expired: it waited longer than it may.
        backoff: `<kind> <seconds>` of the job, else ''.
        keep: ended jobs its queue keeps when it completes, and when it fails; None: as the worker has it.
        server: run_id of the Redis that it was claimed from; "" when that is not known.
        leaving: it needs no slot any more (`give_way`).
        why: set before its task is cancelled: stop (a person), back (the worker stops), lost (another run has it).
    """

    context: JobContext
    data: bytes
    timeout: float
    result_ttl: int
    failure_ttl: int
    started: float
    doomed: str = ""
    expired: bool = False
    backoff: str = ""
    keep: tuple[int | None, int | None] = (None, None)
    task: asyncio.Task[None] | None = None
    ending: Ending | None = None
    server: str = ""
    begun: bool = False
    leaving: bool = False
    why: Why = ""
    work: Work = field(default_factory=lambda: Work("", (), {}))

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
        """Its thirteen arguments of the finish script, for `server`.

        Another one than it was claimed from may have forgotten what the run has written down: there it runs again.
        """
        moved = bool(self.server) and self.server != server
        end = self.ending if self.ending and not moved else Ending("back")
        keep = self.keep[0 if end.kind == "ok" else 1]
        return (
            *self.lease, end.kind, end.ttl, f"{at:.6f}", iso(at), f"{self.started:.6f}", self.context.lane,
            end.payload, f"{end.due:.3f}", end.error, "" if keep is None else keep,
        )  # fmt: skip


def from_claim(row: Sequence[Any], worker: str, now: float) -> Run:
    """A run from one row of the claim script."""
    queue, job_id, execution = (text.decode() for text in row[:3])
    timeout, result_ttl, failure_ttl, left, tries = (_integer(value) for value in row[4:9])
    tries = tries or 0
    context = JobContext(
        id=job_id, execution=execution, queue=queue, lane=(row[9] or b"").decode(), attempt=tries + 1,
        attempts=tries + 1 + max(0, left or 0), enqueued_at=_epoch(row[10]), worker=worker,
    )  # fmt: skip
    return Run(
        context=context,
        data=row[3],
        timeout=timeout if timeout and timeout > 0 else math.inf,
        result_ttl=DAY if result_ttl is None else result_ttl,
        failure_ttl=7 * DAY if failure_ttl is None else failure_ttl,
        started=now,
        doomed=(row[11] or b"").decode(),
        backoff=(row[12] or b"").decode(),
        keep=(_integer(row[13]), _integer(row[14])),
        expired=bool(row[15]),
    )


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


def _integer(value: bytes | None) -> int | None:
    return int(value) if value else None


def _epoch(value: bytes | None) -> float:
    try:
        return datetime.fromisoformat(value.decode()).timestamp() if value else 0.0
    except ValueError:
        return 0.0
