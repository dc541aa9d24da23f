"""What a running job knows of itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

from common.store.scripts import Call


class JobContext(NamedTuple):
    """One run of a job.

    Attributes:
        execution: id of this run; another run of the same job has another one (fence outward effects with it).
        attempt: 1 for the first run; a run that was cut short or raised Later is not counted.
        enqueued_at: unix seconds when it last entered its queue; 0 when unknown.
        briefing: what the script that took the job has read for its function; None when it reads for itself.
    """

    id: str
    execution: str
    queue: str
    lane: str
    attempt: int
    attempts: int
    enqueued_at: float
    worker: str
    briefing: Any = None

    @property
    def last_attempt(self) -> bool:
        """A failure now is final."""
        return self.attempt >= self.attempts


Conclude = Callable[[Sequence[Call]], bool]

_running: ContextVar[JobContext | None] = ContextVar("relevo_job", default=None)
_conclude: ContextVar[Conclude | None] = ContextVar("relevo_job_concludes", default=None)


def current_job() -> JobContext | None:
    """The job that this task runs; None outside of one."""
    return _running.get()


def about_job() -> dict[str, str]:
    """What a log line says of the job that writes it."""
    job = _running.get()
    return {"job": job.id} if job else {}


def conclude(calls: Sequence[Call]) -> bool:
    """Have `calls` written in one step with the running job's ending, through any outage, even if it is cancelled now.

    The job must have nothing left to do. False: no worker takes them, so that they must be run here.
    """
    done = _conclude.get()
    return done is not None and done(calls)


def enter(job: JobContext, conclude: Conclude | None = None) -> None:
    """Make `job` the current one of this task; the worker calls it as the first thing of a run."""
    _running.set(job)
    _conclude.set(conclude)
