"""What a running job knows of itself."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import NamedTuple


class JobContext(NamedTuple):
    """One run of a job.

    Attributes:
        execution: id of this run; another run of the same job has another one (fence outward effects with it).
        attempt: 1 for the first run; a run that was cut short or raised Later is not counted.
        enqueued_at: unix seconds when it last entered its queue; 0 when unknown.
    """

    id: str
    execution: str
    queue: str
    lane: str
    attempt: int
    attempts: int
    enqueued_at: float
    worker: str

    @property
    def last_attempt(self) -> bool:
        """A failure now is final."""
        return self.attempt >= self.attempts


_running: ContextVar[JobContext | None] = ContextVar("relevo_job", default=None)
_give_way: ContextVar[Callable[[], None] | None] = ContextVar("relevo_job_gives_way", default=None)


def current_job() -> JobContext | None:
    """The job that this task runs; None outside of one."""
    return _running.get()


def about_job() -> dict[str, str]:
    """What a log line says of the job that writes it."""
    job = _running.get()
    return {"job": job.id} if job else {}


def give_way() -> None:
    """The running job has made its last call out and only writes down what became of it: its slot is another's."""
    if done := _give_way.get():
        done()


def enter(job: JobContext, give_way: Callable[[], None] | None = None) -> None:
    """Make `job` the current one of this task; the worker calls it as the first thing of a run."""
    _running.set(job)
    _give_way.set(give_way)
